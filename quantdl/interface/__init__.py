"""What a notebook needs, in a few words each: prices, models, laws, risk, plans and backtests.

Nothing here is a second implementation: it hands what the user gives to the functions of `quantdl.experiment` that the
command line calls, and shows what they return. The names stand in ``quantdl`` itself, see ``quantdl/__init__.pyi``.
"""
