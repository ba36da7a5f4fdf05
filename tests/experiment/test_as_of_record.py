"""What is known at a close shows itself: facts, tables that hold something, what the plan did; all of it as text."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.experiment.as_of_record import AsOf

LAW = {"mean": 0.0004, "q01": -0.031, "q05": -0.02, "median": 0.0005, "q95": 0.021, "q99": np.nan}
PRICES = ("reference_price", "worst_price", "trigger_price")
ORDER = ("asset", "rule", "kind", "side", "quantity", *PRICES, "target_weight")
FOUND = AsOf(
    session=date(2016, 7, 11),
    next_session=None,
    fitted_through=None,
    equity=1_000_000.0,
    cash=250_000.0,
    fill_at="next_close",
    halted="",
    law=pd.DataFrame([{"asset": "<b>KO</b>", "window": window, **LAW} for window in ("next_session", "position")]),
    risk=pd.DataFrame(),
    orders=pd.DataFrame(columns=ORDER),
    exits=pd.DataFrame(),
    positions=pd.DataFrame(),
    events=pd.DataFrame([{"item": "invalidation", "condition": "drawdown", "detail": "<script>1</script> fell"}]),
)


def test_empty_tables_are_left_out_and_the_law_is_that_of_the_next_session():
    (law,) = FOUND.sheets()
    assert law.rows == (("<b>KO</b>", "next_session", 0.0004, -0.031, -0.02, 0.0005, 0.021, None),)


def test_what_is_not_known_is_not_said():
    assert list(FOUND.said_facts()) == ["session", "equity", "cash", "fill at", "orders"]
    assert FOUND.said_facts()["orders"] == "none"
    order = pd.DataFrame([["KO", "buy", "market", "buy", 10, 45.5, None, None, 0.1]], columns=list(ORDER))
    assert "orders" not in replace(FOUND, orders=order).said_facts()


def test_a_notebook_shows_it_as_text():
    shown = FOUND._repr_html_()
    assert "<b>" not in shown and "<script" not in shown
    for text in ("2016-07-11", "250,000.00", "&lt;b&gt;KO", "-0.0310", "invalidation: &lt;script&gt;1"):
        assert text in shown
