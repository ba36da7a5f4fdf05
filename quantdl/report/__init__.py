"""The report of a run: one HTML file that a risk officer can read, keep and print, without a network.

It formats what the run folder holds and computes no metric of its own.
"""

from quantdl.report.comparison import write_comparison
from quantdl.report.html import write_report

__all__ = ["write_comparison", "write_report"]
