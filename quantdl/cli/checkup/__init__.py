"""What `quantdl doctor` looks at: the installation, the machine, the places where files go, and what is slow."""

from quantdl.cli.checkup.checkup import checkup
from quantdl.cli.checkup.finding import Finding

__all__ = ["Finding", "checkup"]
