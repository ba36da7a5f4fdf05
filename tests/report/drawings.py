"""Reads the plotly figure of a chart back."""

import base64
import json

import numpy as np


def drawn(chart):
    return json.loads(chart.data)


def traces(chart):
    return {trace.get("name"): trace for trace in drawn(chart)["data"]}


def values(encoded):
    """Undo plotly's packing of arrays; a matrix comes back row after row."""
    if isinstance(encoded, dict):
        return np.frombuffer(base64.b64decode(encoded["bdata"]), dtype=encoded["dtype"]).tolist()
    return encoded
