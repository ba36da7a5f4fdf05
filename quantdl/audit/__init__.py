"""Whether anything that is decided at a close depends on data from after it: shown by changing what comes after."""

import sys

import quantdl
from quantdl.audit.audit import audit
from quantdl.audit.stages import Fitted, Pipeline, Stage, Traced
from quantdl.audit.verdict import AuditReport, Coverage, Leak, Warned
from quantdl.audit.world import World

__all__ = ["AuditReport", "Coverage", "Fitted", "Leak", "Pipeline", "Stage", "Traced", "Warned", "World", "audit"]

sys.modules[__name__].__class__ = quantdl.CalledPackage  # `quantdl.audit(...)` is a function as well
