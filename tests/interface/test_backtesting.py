"""A backtest and an audit from a notebook are those of the command line, to the last bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import quantdl as qd
from quantdl import plan as p
from quantdl.backtest import MarketView
from quantdl.config import load_config, load_strategy
from quantdl.errors import ConfigError, DataError, PlanError, QuantdlError
from quantdl.experiment.outcome import FailedRunError, Outcome
from quantdl.experiment.reproducing import reproduce
from quantdl.interface import backtesting
from quantdl.interface.backtesting import audit, backtest
from quantdl.interface.laws import Laws
from quantdl.interface.prices import Prices
from quantdl.interface.results import Result
from quantdl.records import to_plain
from quantdl.runs.ledger import LEDGER, Ledger
from quantdl.runs.manifest import open_run
from tests.interface import typed_strategies as typed
from tests.interface.plans import drawn_prices, equally, small_plan
from tests.small_experiment import ROOT, small_config

NONE_IN_STRESS = {"stress": None}


@pytest.fixture(scope="module")
def panel() -> Prices:
    return drawn_prices()


@pytest.fixture(scope="module")
def plan(panel: Prices) -> qd.Plan:
    return small_plan(panel)


@pytest.fixture(scope="module")
def stored(panel: Prices, plan: qd.Plan, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return backtest(panel, plan, equally, output=tmp_path_factory.mktemp("runs"), stress=None)


def test_laws_of_a_notebook_are_played_as_the_equal_config_bit_for_bit(
    prices: Prices, laws: Laws, small_outcome: Outcome, tmp_path: Path
) -> None:
    config = load_config(small_config(tmp_path))
    strategy = load_strategy(ROOT / "strategies/least_shortfall.py", {"level": 0.95})
    found = backtest(prices, config.plan, strategy, laws, name="small", stress=None).outcome
    assert found is not None
    for name in ("equity", "fills", "trades", "orders", "events", "weights_after_fill"):
        pd.testing.assert_frame_equal(getattr(found.result, name), getattr(small_outcome.result, name), rtol=0, atol=0)
    assert to_plain(found.metrics) == to_plain(small_outcome.metrics)
    assert found.checklist == small_outcome.checklist
    assert found.forecasts is not None
    pd.testing.assert_frame_equal(found.forecasts, small_outcome.forecasts, rtol=0, atol=0)


def test_a_run_of_a_notebook_is_repeated_from_its_folder_byte_for_byte(stored: Result) -> None:
    assert stored.folder is not None
    found = reproduce(open_run(stored.folder))
    assert (found.differing, found.surroundings) == ((), ())
    assert {"metrics.json", "equity.parquet", "report.html"} <= {*found.same}


def test_the_strategy_and_the_prices_are_stored_with_the_run(stored: Result, panel: Prices) -> None:
    assert stored.folder is not None
    text = (stored.folder / "strategy.py").read_text()
    assert "def equally(view: MarketView)" in text
    config = load_config(stored.folder / "config.yaml")
    assert config.data.kind == "stored"
    assert (stored.folder / "prices" / "panel.json").is_file()


def test_a_run_that_is_written_counts_as_a_trial_and_one_that_is_not_leaves_nothing(
    stored: Result, panel: Prices, plan: qd.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stored.folder is not None
    assert len(Ledger(stored.folder.parent / LEDGER).read().records) == 1
    assert stored.selection is not None
    monkeypatch.chdir(tmp_path)
    found = backtest(panel, plan, equally, stress=None)
    assert not [*tmp_path.iterdir()]
    assert found.equity.equals(stored.equity)
    assert to_plain(found.metrics) == to_plain(stored.metrics)


def test_the_packages_are_called_as_the_functions(panel: Prices, plan: qd.Plan) -> None:
    with pytest.raises(ConfigError, match="strategy: given int 3"):
        qd.backtest(panel, plan, 3)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="strategy: given int 3"):
        qd.audit(panel, plan, 3)  # type: ignore[operator]
    assert qd.backtest.Decision is qd.Decision


def test_a_config_is_audited_by_the_function_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtesting, "audit_config", lambda config, cuts, progress: (config.name, cuts, progress))
    assert audit(small_config(tmp_path), cuts=3) == ("small", 3, None)  # type: ignore[comparison-overlap]


def unknown_asset(view: MarketView) -> dict[str, float]:
    """Weigh what the run does not hold."""
    return {"SIM00": 0.5}


def too_much(view: MarketView) -> dict[str, float]:
    """Weigh one asset beyond its cap."""
    return {view.assets[0]: 0.96}


def failing(view: MarketView) -> object:
    """Fail."""
    return view.closes[len(view.closes)]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (unknown_asset, r"weights for 'SIM00', which the run does not hold; did you mean 'SIM002'\?"),
        (too_much, r"weight 0\.96 of SIM000 breaks sizing\.max_weight = 0\.95 .*within_limits"),
        (failing, r"test_backtesting\.py:\d+: the strategy failed on 2000-03-29: IndexError"),
    ],
)
def test_a_strategy_that_fails_is_told_with_session_and_place_and_kept(
    strategy: Callable[[MarketView], object], message: str, panel: Prices, plan: qd.Plan, tmp_path: Path
) -> None:
    with pytest.raises(FailedRunError, match=message):
        backtest(panel, plan, strategy, output=tmp_path)
    (trial,) = Ledger(tmp_path / LEDGER).read().records
    assert trial.reason.startswith("the strategy failed on 2000-03-29")


def test_a_plan_is_refused_before_anything_is_played_with_all_faults_and_the_sentences_of_a_config(
    panel: Prices, plan: qd.Plan
) -> None:
    faulty = replace(
        plan,
        sizing=replace(plan.sizing, stop_loss=0.95),
        trusted_data=replace(plan.trusted_data, fields=("close", "volume")),
        fast_exit=p.FastExit(max_sessions=0),
    )
    with pytest.raises(PlanError) as refused:
        backtest(panel, faulty, failing)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{len(lines) - 1} errors:"
    assert [line.split(": given")[0] for line in lines[1:]] == ["plan.sizing.stop_loss", "plan.fast_exit.max_sessions"]
    with pytest.raises(PlanError, match=r"^plan\.trusted_data\.fields: given .*volume"):
        backtest(panel, replace(plan, trusted_data=faulty.trusted_data), failing)


def sample(first: object, last: object) -> p.Sample:
    return p.Sample(first, last, minimum_sessions=50, purge_bars=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (
            sample("2000-08-18", "2000-03-29"),
            r"plan\.sample\.last: given 2000-03-29; expected a day after sample",
        ),
        (sample("2000-01-04", "2000-08-18"), r"plan\.sample\.first: given 2000-01-04; the prices begin on 2000-01-03"),
        (
            sample("2000-03-29", "2001-01-05"),
            r"plan\.sample\.last: given 2001-01-05; the prices hold 2000-01-03",
        ),
        (sample("soon", "2000-08-18"), r"plan\.sample\.first: given 'soon'; expected a date such as 2019-01-02"),
    ],
    ids=["empty", "too early", "too late", "no day"],
)
def test_a_sample_that_cannot_be_played_is_refused_in_the_words_of_the_plan(
    span: p.Sample, message: str, panel: Prices, plan: qd.Plan
) -> None:
    with pytest.raises((PlanError, DataError), match=message):
        backtest(panel, replace(plan, sample=span), failing)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"panel": pd.DataFrame()}, r"^panel: given DataFrame; expected prices"),
        (
            {"plan": None},
            r"^plan: given NoneType; expected qd\.Plan\(\.\.\.\)\. Fix: print\(qd\.plan\.template",
        ),
        ({"laws": 3}, r"^laws: given int; expected what a fitted model's forecast returns"),
        ({"strategy": "no_such.py"}, r"^strategy: no such file: 'no_such\.py'"),
        ({"draws": 5}, r"^draws: given '5'; expected a whole number, at least 100"),
        ({"initial_equity": -1.0}, r"^initial_equity: given '-1\.0'; expected a number, at least 1"),
        ({"settings": {"bench": 1}}, r"^bench: unknown key; .* did you mean 'benchmark'\?"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], message: str, panel: Prices, plan: qd.Plan) -> None:
    with pytest.raises(QuantdlError, match=message):
        backtest(**{"panel": panel, "plan": plan, "strategy": failing, **arguments})  # type: ignore[arg-type]


def test_laws_of_another_horizon_span_fill_or_panel_are_refused(simulated: Prices, ewma_laws: Laws) -> None:
    plan = small_plan(simulated)
    with pytest.raises(PlanError, match=r"plan\.horizon\.bars: given 10; expected .*5"):
        backtest(simulated, plan, failing, ewma_laws)
    five = replace(plan, horizon=replace(plan.horizon, bars=5), sample=replace(plan.sample, purge_bars=6))
    shorter = replace(ewma_laws, book=replace(ewma_laws.book, through=ewma_laws.sessions[-5]))
    with pytest.raises(ConfigError, match=r"^laws: made at the closes of .*Fix: model\.forecast\(panel, '2"):
        backtest(simulated, five, failing, shorter)
    with pytest.raises(ConfigError, match=r"^laws: their positions begin at the open, and plan\.friction\.fill_at is"):
        backtest(simulated, five, failing, replace(ewma_laws, begins="open"))
    alone = simulated.select(simulated.assets[:1])
    with pytest.raises(ConfigError, match=r"^laws: made of other prices than `panel`"):
        backtest(alone, small_plan(alone, horizon=five.horizon, sample=five.sample), failing, ewma_laws)
    with pytest.raises(ConfigError, match=r"^seed: given 3; the laws were made with 7"):
        backtest(simulated, five, failing, ewma_laws, seed=3)
    with pytest.raises(ConfigError, match=r"^laws: of a model that was loaded"):
        backtest(simulated, five, failing, replace(ewma_laws, recipe=None))


def test_one_asset_and_a_book_that_loses_almost_all_are_judged() -> None:
    one = drawn_prices(1, drift=-0.03)
    base = small_plan(one)
    alone = replace(base, sizing=replace(base.sizing, max_gross=0.95))
    found = backtest(one, alone, equally, stress=None)
    assert found.metrics.halted_on is not None
    assert found.equity.iloc[-1] < 0.55 * found.equity.iloc[0]
    assert found.verdict.status == "not defended"
    assert "undefined: 100 sessions" in repr(found)


@pytest.mark.parametrize("kind", ["table", "panel"])
def test_a_strategy_that_reads_the_future_through_a_closure_is_a_leak_that_names_it(
    kind: str, panel: Prices, plan: qd.Plan
) -> None:
    rises = pd.DataFrame(np.log(panel.closes), panel.sessions, list(panel.assets)).diff()

    def by_table(view: MarketView) -> np.ndarray:
        return np.asarray(0.2 + 0.1 * np.tanh(rises.shift(-1).loc[view.session]))

    def by_panel(view: MarketView) -> np.ndarray:
        row = panel.sessions.searchsorted(view.session)
        return np.asarray(0.2 + 0.1 * np.tanh(np.log(panel.closes[row + 1] / panel.closes[row])))

    name, strategy = {"table": ("rises", by_table), "panel": ("panel", by_panel)}[kind]
    found = audit(panel, plan, strategy, cuts=2, settings=NONE_IN_STRESS)
    assert found.verdict == "LEAK"
    (leak,) = found.leaks
    assert leak.bars_ahead == 1
    assert f"later values of `{name}`, which stands outside its view" in leak.sentence()
    assert [warned.code for warned in found.warnings if "stood outside" in warned.reason] == [name]
    assert name in found._repr_html_()


def test_a_strategy_that_reads_the_prices_of_the_run_as_of_now_is_clean(panel: Prices, plan: qd.Plan) -> None:
    def as_of_now(view: MarketView) -> np.ndarray:
        row = panel.sessions.searchsorted(view.session)
        return np.asarray(np.where(panel.closes[row] > panel.closes[row - 1], 0.2, 0.1))

    assert audit(panel, plan, as_of_now, cuts=2, settings=NONE_IN_STRESS).verdict == "CLEAN"


@pytest.mark.parametrize("kind", ["a table made beforehand", "an object"])
def test_what_was_made_beforehand_is_never_clean_and_is_named(kind: str, panel: Prices, plan: qd.Plan) -> None:
    following = pd.DataFrame(panel.closes, panel.sessions).pct_change().shift(-1)  # each row holds the next session
    data = following if kind == "a table made beforehand" else {day: row for day, row in following.iterrows()}
    strategy = typed.closing_over(following) if kind == "a table made beforehand" else looking_up(data)
    found = audit(panel, plan, strategy, cuts=2, settings=NONE_IN_STRESS)
    assert found.verdict == "INCONCLUSIVE"
    assert any("reads `data`" in reason for reason in found.reasons)


def looking_up(data: object) -> Callable[[MarketView], np.ndarray]:
    """Return a function that looks sessions up."""

    def decide(view: MarketView) -> np.ndarray:
        return np.asarray(np.where(data[view.session] > 0, 0.1, 0.0))  # type: ignore[index]

    return decide


def test_a_backtest_says_that_its_strategy_reads_from_outside(panel: Prices, plan: qd.Plan) -> None:
    changes = pd.DataFrame(panel.closes, panel.sessions).pct_change()
    found = backtest(panel, plan, typed.closing_over(changes), stress=None)
    (trusted,) = [item for item in found.checklist.items if item.item == "trusted_data"]
    assert "reads data from outside its view" in trusted.cause


@pytest.mark.parametrize("cuts", ["x", 0, True])
def test_what_is_no_number_of_cuts_is_refused(cuts: Any, tmp_path: Path) -> None:  # noqa: ANN401 - what is none
    with pytest.raises(ConfigError, match="^audit: cuts: given .*; expected a whole number, above 0 or null"):
        audit(small_config(tmp_path), cuts=cuts)


def test_an_output_that_is_no_path_is_refused(panel: Prices, plan: qd.Plan) -> None:
    with pytest.raises(ConfigError, match="^output: given int; expected the path of a folder, or None"):
        qd.backtest(panel, plan, equally, output=5)  # type: ignore[operator]
