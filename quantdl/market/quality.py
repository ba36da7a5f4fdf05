"""The quality of prices: a census that names every fault, and policies that say what is done about each.

The definitions of the kinds stand in `quantdl.market.checks` and `quantdl.market.staleness`.
"""

from quantdl.market.census import Census, take_census
from quantdl.market.faults import Fault
from quantdl.market.policies import Action, Policies
from quantdl.market.treatment import apply_policies

__all__ = ["Action", "Census", "Fault", "Policies", "apply_policies", "take_census"]
