"""Several models scored on the same stock-days."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.errors import DataError
from quantdl.experiment import evaluate, load_data
from quantdl.experiment.evaluation import plan_regimes, quoted_ticks
from quantdl.runs.ledger import Ledger
from quantdl.training.splits import split_bars

SMALLEST = {"seed: 7\n": "seed: 7\noutput: {root: runs}\nevaluation: {books: 0, draws: 100, tick: TICK}\n"}


def with_tick(tick):
    return {old: new.replace("TICK", tick) for old, new in SMALLEST.items()}


def test_every_compared_model_is_scored_on_the_same_stock_days(small_evaluation):
    table, _ = small_evaluation
    assert [row.model for row in table.rows] == ["transformer", "ewma_t"]
    assert {row.figures.n for row in table.rows} == {6 * 127}
    assert all(-4.0 < row.figures.nll < -2.0 and row.figures.joint_nll < row.figures.nll for row in table.rows)
    assert all(row.figures.joint_nll_day == pytest.approx(6 * row.figures.joint_nll) for row in table.rows)


def test_the_best_volatility_model_is_what_the_others_are_held_against(small_evaluation):
    table, _ = small_evaluation
    assert [None if row.against is None else row.against.model for row in table.rows] == ["ewma_t", None]


def test_the_evaluation_is_a_look_that_the_ledger_counts_once(small_evaluation):
    table, folder = small_evaluation
    records = Ledger(folder.parent / "runs" / "ledger.jsonl").read()
    assert table.looks == 1
    assert [(record.look.purpose, str(record.look.first)) for record in records.records] == [
        ("evaluation", "2016-07-01")
    ]
    assert records.distinct() == ()


def test_the_position_is_scored_in_sets_and_the_span_by_asset_year_and_regime(small_evaluation):
    table, _ = small_evaluation
    assert [(row.model, row.bars) for row in table.horizons] == [("transformer", 5), ("ewma_t", 5)]
    assert {group.group for group in table.groups if group.by == "year"} == {"2016"}
    assert {group.group for group in table.groups if group.by == "asset"} == {"AAPL", "JPM", "KO", "PG", "RRC", "XOM"}
    regimes = [group for group in table.groups if group.by == "regime" and group.model == "ewma_t"]
    assert sum(group.figures.n for group in regimes) == 6 * 127


MONTH = {
    "  kind: transformer\n  horizon: 5\n  width: 8\n  heads: 2\n  layers: 1\n  context: 32\n": (
        "  kind: ewma_t\n  horizon: 5\n  also_horizons: [21]\n"
    ),
    "compare: [flow, graph, ewma_t, garch_t]": (
        "compare: [{kind: ewma_t, horizon: 5, also_horizons: [21], decay: 0.97}]"
    ),
    "purge_bars: 6": "purge_bars: 22",
    "seed: 7\n": "seed: 7\noutput: {root: runs}\nevaluation: {books: 0, draws: 100}\n",
}


@pytest.mark.slow
def test_a_month_is_scored_in_sets_that_do_not_overlap_beside_the_position(tmp_path, write_small):
    config = load_config(write_small(tmp_path, MONTH))
    table = evaluate(config, output=tmp_path / "scored")
    names = [(row.model, row.bars) for row in table.horizons]
    assert names == [("ewma_t", 5), ("ewma_t", 21), ("ewma_t_2", 5), ("ewma_t_2", 21)]
    days = pd.read_parquet(tmp_path / "scored" / "position_21_scores_ewma_t_2.parquet")
    closes = load_data(config).learnt
    logs = pd.DataFrame(np.log(closes.closes), closes.sessions, list(closes.assets))
    month = (logs.shift(-22) - logs.shift(-1)).stack()  # filled at the next close, left after 21 more
    known = month.reindex(pd.MultiIndex.from_frame(days[["session", "asset"]]))
    np.testing.assert_allclose(days["target"], known, atol=1e-6)
    sessions = sorted(days["session"].unique())
    assert len(sessions) == 128 - 22  # forecasts from the session before the span on, the last returns unknown
    by_session = days.groupby("session")["nll"].sum() / 6.0
    sets = [by_session.iloc[start::21] for start in range(21)]
    assert table.horizons[3].nll == pytest.approx(np.mean([one.mean() for one in sets]))
    assert table.horizons[3].n == len(days) == 6 * sum(len(one) for one in sets)
    differences = [row.difference for row in table.horizons if row.difference is not None]
    better, worse = sorted(row.nll for row in table.horizons if row.bars == 21)
    assert len(differences) == 2 and abs(differences[1]) == pytest.approx(worse - better)


@pytest.mark.slow
def test_in_ticks_every_model_is_scored_by_the_step(tmp_path, write_small):
    """The bundled prices are adjusted, so a tick is declared here only to see that all models take it alike."""
    table = evaluate(load_config(write_small(tmp_path, with_tick("0.01"))))
    assert table.score == "tick interval"
    assert all(row.figures.nll > 0 for row in table.rows)  # a probability of less than one, not a density
    assert abs(table.rows[0].figures.nll - table.rows[1].figures.nll) < 0.1


def test_prices_on_no_grid_have_no_tick_to_find(tmp_path, write_small):
    config = load_config(write_small(tmp_path, with_tick("found")))
    data = load_data(config)
    bars = split_bars(data.panel.sessions, config.splits).among(data.trades)
    ticks = quoted_ticks(config, data, bars)
    through = data.panel.sessions <= pd.Timestamp("2015-12-31")
    steps = data.panel.closes[through] / ticks.sizes
    assert (abs(steps - steps.round()) < 1e-4).mean() >= 0.9  # of the closes up to the end of training
    adjusted = replace(data.panel, fields={"close": data.panel.closes * math.pi})
    with pytest.raises(DataError, match=r"small.yaml:\d+:\d+: evaluation.tick: given found, but 6 of 6 assets"):
        quoted_ticks(config, replace(data, panel=adjusted), bars)


def test_a_tenfold_print_of_one_share_changes_the_regime_of_no_other_session(tmp_path, write_small):
    """Believed, it would raise the volatility of the market above every limit as long as the window holds it."""
    config = load_config(write_small(tmp_path))
    data = load_data(config, keep_ingest=False)
    at, closes = int(data.panel.bars.searchsorted(pd.Timestamp("2016-06-01"))), data.panel.closes.copy()
    closes[at, 0] *= 10
    printed = replace(data.panel, fields={**data.panel.fields, "close": closes})
    clean, found = (plan_regimes(config, replace(data, panel=one, returns=one)) for one in (data.panel, printed))
    pd.testing.assert_series_equal(found, clean)
    assert found.nunique() > 1


def test_how_it_is_scored_makes_no_other_trial(tmp_path, write_small):
    one = load_config(write_small(tmp_path)).identity()
    assert load_config(write_small(tmp_path, with_tick("0.01"))).identity() == one


def test_the_policies_of_a_config_are_applied_and_said(tmp_path, write_small):
    data = load_data(load_config(write_small(tmp_path, {"  start: 2010-01-04\n": ""})))
    rrc = data.panel.assets.index("RRC")
    assert data.panel.sessions[data.panel.traded[:, rrc]][0] == pd.Timestamp("1995-01-03")
    assert any("stale_year" in note for note in data.panel.card.declaration.notes)
    assert data.census.counts()["stale_year"] == 1265
