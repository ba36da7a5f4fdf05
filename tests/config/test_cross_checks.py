"""What no block of a config can see alone is found between them, each at its keys."""

from collections.abc import Callable
from pathlib import Path

import pytest

from quantdl.backtest.plan.refusals import PlanFault
from quantdl.config import load_config
from quantdl.config.config_fault import dotted
from quantdl.config.cross_checks import cross_faults, place_plan_faults
from quantdl.config.yaml_reader import parse_document
from quantdl.errors import PlanError

VALID = Path(__file__).with_name("valid.yaml")


def found(*replacements: tuple[str, str]) -> dict[str, str]:
    text = VALID.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return {dotted(keys): message for keys, message in cross_faults(parse_document(text, VALID))}


def test_a_config_that_fits_together_has_no_faults() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("replacements", "key", "message"),
    [
        (
            [("first: 2019-01-02", "first: 2019-01-03")],
            "plan.sample.first",
            "expected 2019-01-02, which is splits.",
        ),
        (
            [("last: 2022-12-28", "last: 2022-12-27")],
            "plan.sample.last",
            "expected 2022-12-28, which is splits.",
        ),
        ([("start: 1990-01-02", "start: 2017-01-03")], "splits.train_end", "a date after data.start, 2017-01-03"),
        ([("start: 1990-01-02", "end: 2022-12-27")], "splits.test_end", "a date up to data.end, which is 2022-12-27"),
        ([("file: strategy.py", "file: strategi.py")], "strategy.file", "did you mean 'strategy.py'?"),
        ([("horizon: 23", "horizon: 5")], "plan.horizon.bars", "given 23; expected the model's horizon of 5 bars"),
    ],
)
def test_blocks_that_do_not_fit_are_named(replacements: list[tuple[str, str]], key: str, message: str) -> None:
    faults = found(*replacements)
    assert message in faults[key]


SINGLE = "strategy:\n  file: strategy.py\n  parameters:\n    level: 0.975\n"
SEVERAL = (
    "strategies:\n"
    "  - {name: fast, file: strategy.py, capital: 0.6, parameters: {level: 0.975}}\n"
    "  - {name: slow, file: strategy.py, capital: 0.4, parameters: {level: 0.9}}\n"
)
RULE = "    - name: rebalance\n      purpose: rebalance\n"
RULES = (
    "    - {name: slow.rebalance, purpose: rebalance, text: Move to the weights of the slow one.}\n"
    "    - name: fast.rebalance\n      purpose: rebalance\n"
)
ACCOUNT = ((SINGLE, SEVERAL), (RULE, RULES))


def test_several_strategies_whose_rules_carry_their_names_have_no_faults() -> None:
    assert found(*ACCOUNT) == {}


@pytest.mark.parametrize(
    ("replacements", "key", "message"),
    [
        ([(SINGLE, "")], "strategy", "missing; expected a strategy with its file, or several"),
        ([(SINGLE, "strategy: null\nstrategies: []\n")], "strategy", "missing; expected a strategy with its file"),
        ([(SINGLE, SINGLE + SEVERAL)], "strategies", "given beside strategy; expected one of the two"),
        (
            [*ACCOUNT, ("seed: 7\n", "seed: 7\nsweep: {parameters: {level: [0.9, 0.95]}}\n")],
            "sweep",
            "given beside strategies; expected one strategy",
        ),
        ([*ACCOUNT, ("capital: 0.4", "capital: 0.5")], "strategies", "add up to 1.1; expected at most 1"),
        ([*ACCOUNT, ("name: slow,", "name: fast,")], "strategies[1].name", "given 'fast', which stands twice"),
        (
            [*ACCOUNT, ("name: slow, file: strategy.py", "name: slow, file: strategi.py")],
            "strategies[1].file",
            "did you",
        ),
        ([*ACCOUNT, ("name: fast.reb", "name: fsat.reb")], "plan.rules[1].name", "did you mean 'fast'?"),
        ([*ACCOUNT, ("name: fast.reb", "name: reb")], "plan.rules[1].name", "such as 'fast.rebalance'"),
        ([*ACCOUNT, ("name: fast.reb", "name: slow.reb")], "plan.rules", "no exit rule of the strategy 'fast'"),
        ([*ACCOUNT, ("purpose: rebalance, text", "purpose: entry, text")], "plan.rules", "no exit rule of the strat"),
    ],
)
def test_strategies_that_do_not_fit_their_account_are_named(
    replacements: list[tuple[str, str]], key: str, message: str
) -> None:
    assert message in found(*replacements)[key]


def test_three_thirds_are_the_whole_capital() -> None:
    third = "  - {name: NAME, file: strategy.py, capital: 0.33333333333333337}\n"
    parts = "strategies:\n" + "".join(third.replace("NAME", name) for name in ("fast", "slow", "mid"))
    mid = "    - {name: mid.rebalance, purpose: rebalance, text: Move to the weights of the middle one.}\n"
    assert found((SINGLE, parts), (RULE, mid + RULES)) == {}


def test_a_value_at_risk_needs_a_draw_beyond_it() -> None:
    condition = "    - {kind: volatility, annualised: 0.6, window_bars: 21}\n"
    calibration = "    - {kind: calibration, level: LEVEL, false_halt_probability: 0.05}\n"
    draws = ("compare:", "backtest: {draws: 1000}\ncompare:")
    assert found(draws, (condition, condition + calibration.replace("LEVEL", "0.999"))) == {}
    beyond = found(draws, (condition, condition + calibration.replace("LEVEL", "0.9991")))
    assert beyond == {"plan.invalidation[2].level": "given 0.9991; expected at most 0.999 with 1000 backtest.draws"}


def test_a_predicted_shortfall_needs_a_draw_beyond_it() -> None:
    cap = "max_weight: 0.2"
    stated = cap + "\n    risk_budget: {kind: expected_shortfall, level: LEVEL, limit: 0.02}"
    draws = ("compare:", "backtest: {draws: 1000}\ncompare:")
    assert found(draws, (cap, stated.replace("LEVEL", "0.999"))) == {}
    beyond = found(draws, (cap, stated.replace("LEVEL", "0.9991")))
    assert beyond == {"plan.sizing.risk_budget.level": "given 0.9991; expected at most 0.999 with 1000 backtest.draws"}


def test_a_limit_on_predicted_losses_without_a_model_is_named_at_its_key() -> None:
    cap = "max_weight: 0.2"
    stated = cap + "\n    max_predicted_loss_per_trade: {level: 0.95, limit: 0.01}"
    model = "model:\n  kind: transformer\n  horizon: 23\n  width: 32\n  heads: 4\n"
    faults = found((model, "model: null\n"), (cap, stated))
    assert "name a model, or write null" in faults["plan.sizing.max_predicted_loss_per_trade"]


def test_a_block_that_cannot_be_read_is_passed_over() -> None:
    assert found(("train_end: 2016-12-30", "train_end: soon"), ("last: 2022-12-28", "last: 2022-12-27")) == {}


def test_a_number_that_is_none_is_said_once(write_config: Callable[..., Path]) -> None:
    with pytest.raises(PlanError) as refused:
        load_config(write_config(("max_weight: 0.2", "max_weight: .nan")))
    assert str(refused.value).count("plan.sizing.max_weight") == 1
    assert "given '.nan'; expected a finite number" in str(refused.value)


def test_a_symbol_may_hold_dots() -> None:
    document = parse_document("plan: {friction: {volume: {BRK.B: 1}}, rules: [{name: x}]}", VALID)
    items = ("friction.volume.BRK.B", "rules.0.name", "friction.volume.BRK.C", "absent.item")
    placed = [keys for keys, _ in place_plan_faults([PlanFault(item, "x", "y", "z") for item in items], document)]
    assert placed == [
        ("plan", "friction", "volume", "BRK.B"),
        ("plan", "rules", 0, "name"),
        ("plan", "friction", "volume", "BRK", "C"),
        ("plan", "absent", "item"),
    ]


def searching(settings: str) -> dict[str, str]:
    return found(("splits:\n", f"search:\n  settings: {{{settings}}}\n\nsplits:\n"))


@pytest.mark.parametrize(
    "settings",
    [
        "training.learning_rate: {low: 1e-4, high: 1e-2, log: true}",
        "model.layers: {low: 1, high: 3}, model.dropout: {choices: [0.0, 0.1]}",
        "training.rows: {choices: [auto, 4]}",
        "model.heads: {choices: [4, 24]}, model.width: {choices: [32, 48]}",  # some of these go together
    ],
)
def test_settings_that_can_be_searched_are_taken(settings: str) -> None:
    assert searching(settings) == {}


@pytest.mark.parametrize(
    ("settings", "key", "message"),
    [
        (
            "training.learning_rat: {low: 1e-4, high: 1e-2}",
            "training.learning_rat",
            "did you mean 'training.learning_rate'?",
        ),
        ("training.epochs: {low: 0, high: 3}", "training.epochs", "training.epochs cannot be 0: given '0'; expected a"),
        ("training.epochs: {low: 1.5, high: 3}", "training.epochs", "cannot be 1.5"),
        ("model.dropout: {choices: [0.1, lots]}", "model.dropout", "cannot be 'lots': given 'lots'; expected a number"),
        ("model.kind: {choices: [flow, graph]}", "model.kind", "no kind, horizon or device"),
        ("seed: {low: 1, high: 3}", "seed", "expected a setting of model or training"),
    ],
)
def test_a_setting_that_cannot_be_searched_is_refused_at_its_key(settings: str, key: str, message: str) -> None:
    faults = searching(settings)
    assert list(faults) == [f"search.settings.{key}"] or list(faults) == [f"search.settings[{key}]"]
    assert message in next(iter(faults.values()))


def test_a_search_without_a_network_is_refused() -> None:
    text = VALID.read_text()
    start, stop = text.index("model:\n"), text.index("training:\n")
    without = (
        text[:start]
        + "search: {settings: {training.epochs: {low: 1, high: 3}}}\nmodel: {kind: ewma_t, horizon: 23}\n"
        + text[stop:]
    )
    faults = {dotted(keys): message for keys, message in cross_faults(parse_document(without, VALID))}
    assert "expected a model with passes over the data" in faults["search"]


def test_a_network_that_reads_other_assets_is_not_trained_on_rows_of_one():
    across = "width: 32", "width: 32\n  cross_section: pooled"
    rows = "epochs: 60", "epochs: 60\n  rows_hold: one_asset"
    parts = (
        "{kind: flow, horizon: 23}, {kind: graph, horizon: 23, cross_section: attention}",
        "{kind: flow, horizon: 23, joint: coupling}, {kind: bayesian, horizon: 23, network: sector_tree}",
    )
    nested = f"{{kind: ensemble, horizon: 23, members: [{', '.join(parts)}]}}"
    members = "  - flow\n", f"  - {nested}\n"
    assert found(across, members) == found(("  - graph\n", ""), rows) == {}
    faults = found(across, members, rows)
    member = "compare[0].members"
    assert list(faults) == [
        "model.cross_section",
        f"{member}[1].kind",
        f"{member}[1].cross_section",
        f"{member}[2].joint",
        f"{member}[3].network",
        "compare[1]",
    ]
    assert faults["model.cross_section"].startswith("given 'pooled'; expected none, or training.rows_hold: all_assets")
    assert faults[f"{member}[2].joint"].startswith("given 'coupling'; expected factors, or training.rows_hold")
    assert faults["compare[1]"].startswith("given 'graph'; expected a network that reads its own asset")


@pytest.mark.parametrize("absent", ["horizon", "sizing", "invalidation", "rules", "friction", "related_positions"])
def test_a_missing_item_hides_no_fault_of_the_others(absent: str) -> None:
    """Each item of the plan is held against what is there: the text of the documentation is, whatever else is gone."""
    unsigned = ("author: Research desk", "author: TBD")
    faults = found((f"  {absent}:\n", f"  {absent}_of_old:\n"), unsigned)
    assert "plan.documentation.author" in faults
    assert not any(key.startswith(f"plan.{absent}") for key in faults)  # it is told with the whole config


def test_a_stop_beyond_the_loss_limit_is_named_beside_a_missing_item() -> None:
    assert "plan.sizing.stop_loss" in found(
        ("  invalidation:\n", "  no_longer:\n"), ("stop_loss: 0.05", "stop_loss: 0.9")
    )


SECTORS = (
    "      kind: named\n      members:\n        technology: [AAPL, MSFT, ON, 007]\n"
    "        tails: [NA, 1E5, NULL, TRUE, 1_000]\n",
    "      kind: sector\n",
)
SAME_CAPS = ("max_weight: 0.2", "max_weight: 1.0")


def test_a_cap_on_one_asset_that_can_never_bind_is_named_before_the_data_are_loaded() -> None:
    """Of the bundled stocks it is known that there are twenty."""
    both = found(SECTORS, SAME_CAPS, ("max_group_gross: 0.5", "max_group_gross: 3"))
    same = "given 1; expected below max_gross (1), or it can never bind; fix: lower it"
    assert both["plan.sizing.max_weight"] == same
    assert both["plan.related_positions.max_group_gross"].startswith("given 3; expected above 0 and at most max_gross")
    two = found(SECTORS, SAME_CAPS, ("kind: sp500", "kind: sp500\n  assets: [AAPL, MSFT]"))
    assert two["plan.sizing.max_weight"] == same


def test_a_single_asset_may_weigh_what_the_book_may() -> None:
    one = found(SECTORS, SAME_CAPS, ("kind: sp500", "kind: sp500\n  assets: [AAPL]"))
    assert "plan.sizing.max_weight" not in one


def test_assets_that_the_plan_names_are_counted_where_the_data_cannot_be_read() -> None:
    assert "plan.sizing.max_weight" in found(SAME_CAPS, ("kind: sp500", "kind: of_old"))


@pytest.mark.parametrize(
    ("absent", "change", "key"),
    [
        ("related_positions", ("max_weight: 0.2", "max_weight: 1.0"), "plan.sizing.max_weight"),
        ("invalidation", ("max_weight: 0.2", "max_weight: 1.0"), "plan.sizing.max_weight"),
        ("trusted_data", ("stop_loss: 0.05", "stop_loss: 0.9"), "plan.sizing.stop_loss"),
        ("trusted_data", ("max_sessions: 5", "max_sessions: 24"), "plan.fast_exit.max_sessions"),
        ("trusted_data", ("delisting_recovery: 0.7", "delisting_recovery: 7"), "plan.friction.delisting_recovery"),
        ("horizon", ("purge_bars: 24", "purge_bars: 1"), "plan.sample.purge_bars"),
        ("horizon", ("max_sessions: 5", "max_sessions: 0"), "plan.fast_exit.max_sessions"),
        ("horizon", ("first: 2019-01-02", "first: 2019-01-03"), "plan.sample.first"),
        ("sizing", ("annualised: 0.6, window_bars: 21", "annualised: 0.6, window_bars: 2"), "plan.invalidation[1]"),
        ("sizing", ("max_sessions: 5", "max_sessions: 24"), "plan.fast_exit.max_sessions"),
        ("sample", ("calm_below: 0.12", "calm_below: 0.5"), "plan.abnormal_volatility.calm_below"),
    ],
)
def test_a_missing_item_hides_no_figure_of_another_that_can_be_judged_without_it(
    absent: str, change: tuple[str, str], key: str
) -> None:
    faults = found((f"  {absent}:\n", f"  {absent}_of_old:\n"), change)
    assert any(name.startswith(key) for name in faults)
