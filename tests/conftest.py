"""What every test shares."""

from hypothesis import settings

# The same examples in every run, and no deadline: the clock of a busy machine is not a property of the code.
settings.register_profile("quantdl", deadline=None, derandomize=True)
settings.load_profile("quantdl")
