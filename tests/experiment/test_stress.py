"""Stress of a run's last book: its weights, laws and record, and names checked before anything is fitted."""

import json

import numpy as np
import pytest

from quantdl.config import load_config
from quantdl.errors import ConfigError
from quantdl.experiment.stress import groups_of, refuse_unknown_names
from quantdl.records import from_plain
from quantdl.risk.stress.record import StressReport


def test_the_book_of_the_last_session_is_stressed_and_written(small_outcome, small_run):
    report = small_outcome.stress
    held = small_outcome.result.weights_after_fill.iloc[-1].to_numpy()
    assert report.on == small_outcome.result.weights_after_fill.index[-1].date()
    assert report.positions == np.count_nonzero(held) and report.net == pytest.approx(held.sum())
    assert from_plain(StressReport, json.loads((small_run / "stress.json").read_text())) == report
    assert report.laws and all((row.loss is None) == bool(row.why_not) for row in report.rows)


def test_a_window_of_the_run_is_what_the_prices_say(small_outcome):
    """The pandemic on the last book, worked out from the closes of the panel."""
    (row,) = (row for row in small_outcome.stress.rows if row.name == "Pandemic, 2020")
    panel = small_outcome.data.confirmed_returns
    if panel.sessions[-1] < np.datetime64("2020-03-23") or row.loss is None:
        assert row.why_not
        return
    first, last = panel.sessions.searchsorted(["2020-02-20", "2020-03-23"])
    moves = panel.closes[last] / panel.closes[first - 1] - 1.0
    held = small_outcome.result.weights_after_fill.iloc[-1].to_numpy()
    assert row.loss == pytest.approx(-(held @ moves))


def test_names_that_the_data_do_not_have_are_refused_with_their_line(small_outcome, write_small, tmp_path):
    path = write_small(tmp_path)
    path.write_text(path.read_text() + "stress:\n  shocks:\n    - {name: s, assets: {APPLE: -0.1}}\n")
    with pytest.raises(ConfigError, match=r"stress\.shocks\[0\]\.assets\.APPLE: given 'APPLE'"):
        refuse_unknown_names(load_config(path), small_outcome.data)


def test_groups_are_those_of_the_plan_or_the_sectors(small_outcome, write_small, tmp_path):
    config = load_config(write_small(tmp_path))
    assert set(groups_of(config, small_outcome.data)) <= set(small_outcome.data.panel.assets)
