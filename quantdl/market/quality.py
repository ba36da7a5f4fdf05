"""The quality of prices: a census that names every fault, and policies that say what is done about each.

The kinds are listed in `quantdl.market.checks`, each with the rule that defines it; those that only a loader can see
are in `quantdl.market.assembly`, revisions in `quantdl.market.revisions`.
"""

from quantdl.market.census import Census, take_census
from quantdl.market.faults import Fault
from quantdl.market.policies import Action, BreakAction, Policies
from quantdl.market.treatment import apply_policies, refused_at_loading, refused_faults

__all__ = [
    "Action",
    "BreakAction",
    "Census",
    "Fault",
    "Policies",
    "apply_policies",
    "refused_at_loading",
    "refused_faults",
    "take_census",
]
