"""What the plots of a notebook share."""

from typing import Any

import numpy as np
from torch import Tensor

from quantdl.report import charts
from quantdl.report.formatting import stated
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk
from quantdl.risk.measures.scenarios import Scenarios

Figure = Any
"""A ``plotly.graph_objects.Figure``: a notebook draws it, ``write_html`` and ``write_image`` store it."""

_BINS = 80


def drawn_losses(scenarios: Scenarios, weights: Tensor, level: float, title: str) -> Figure:
    """Return the losses of a book over scenarios, with its value at risk and expected shortfall.

    Args:
        scenarios: Equally likely ones.
        weights: (A,) fractions of equity.
        level: Confidence.
        title: What is drawn.
    """
    losses = scenarios.losses(weights)
    marks = {
        f"VaR {stated(level)}": float(value_at_risk(losses, level)),
        f"ES {stated(level)}": float(expected_shortfall(losses, level)),
    }
    counts, edges = np.histogram(losses.numpy(), bins=_BINS)
    shares = counts / len(losses)
    return charts.figure(charts.losses_of_book(edges.tolist(), shares.tolist(), marks, title, len(losses)))
