"""The quality of prices: a census that names every fault, and policies that say what is done about each.

The kinds are listed in `quantdl.market.inspection.checks`, each with the rule that defines it; those that only a loader
can see are in `quantdl.market.reading.assembly`, revisions in `quantdl.market.storage.revisions`.
"""

from quantdl.market.faults import Fault
from quantdl.market.inspection.census import Census, take_census
from quantdl.market.inspection.policies import Action, BreakAction, Policies
from quantdl.market.inspection.treatment import apply_policies, faults_at_loading, refused_faults

__all__ = [
    "Action",
    "BreakAction",
    "Census",
    "Fault",
    "Policies",
    "apply_policies",
    "faults_at_loading",
    "refused_faults",
    "take_census",
]
