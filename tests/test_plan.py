"""The pieces of a plan under short names are those that a config is read into, and the template decides nothing."""

import ast
from dataclasses import fields, replace
from typing import Any

import pytest

import quantdl as qd
from quantdl import plan as p
from quantdl.backtest.plan.friction import VolumeWaiver
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import Combination, DrawdownLimit, VolatilityLimit
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.errors import PlanError
from quantdl.interface.requests import request
from quantdl.market.panel import Panel
from tests.interface.plans import drawn_prices, equally, small_plan


@pytest.fixture(scope="module")
def panel() -> Panel:
    return drawn_prices()


def test_every_short_name_makes_the_object_of_its_kind() -> None:
    made = {
        p.every(5): EveryBars("every_bars", 5),
        p.at_end_of("month"): PeriodEnd("period_end", "month"),
        p.drawdown(0.3): DrawdownLimit("drawdown", 0.3),
        p.volatility(0.9, 21): VolatilityLimit("volatility", 0.9, 21),
        p.volume_waiver("Ada", "why"): VolumeWaiver("waiver", "Ada", "why"),
        p.all_of("storm", p.drawdown(0.1), p.stressed_market(), for_bars=2): Combination(
            "all", "storm", (p.drawdown(0.1), p.stressed_market()), 2
        ),
    }
    assert all(short == long for short, long in made.items())
    assert p.named_groups({"tech": ["AAPL"]}) == NamedGroups("named", {"tech": ("AAPL",)})


@pytest.mark.parametrize(
    "made",
    [
        p.sectors(),
        p.correlated(63, 0.5),
        p.stale_data(5),
        p.calibration(0.99, 0.05),
        p.risk_e_process(0.975, 0.05),
        p.pit_drift(0.05),
        p.any_of("storm", p.drawdown(0.2)),
        p.measured_volume(20, 0.05, 1.0),
        p.stated_volume({"KO": 1e9}, "A year of trading.", 0.05, 1.0),
        p.stated_spreads({"KO": 2.0}),
        p.high_low_spread(21, 1.0),
    ],
    ids=lambda made: type(made).__name__,
)
def test_a_variant_states_the_kind_that_its_type_allows(made: object) -> None:
    annotation = next(str(item.type) for item in fields(made) if item.name == "kind")  # type: ignore[arg-type]
    assert repr(made.kind) in annotation.replace('"', "'")  # type: ignore[attr-defined]


def test_trusted_data_are_those_of_the_card(panel: Panel) -> None:
    trusted, said = p.trust(panel), panel.card.declaration
    assert (trusted.source, trusted.calendar, trusted.frequency) == (said.source, said.calendar, said.frequency)
    assert (trusted.fingerprint, trusted.fields) == (panel.card.fingerprint, ("close",))


def test_the_template_is_python_in_which_every_decision_is_open_and_named_when_refused(panel: Panel) -> None:
    text = p.template(panel)
    ast.parse(text)
    names: dict[str, object] = {"qd": qd, "panel": panel}
    exec(text, names)  # noqa: S102 - the text is the template's
    with pytest.raises(PlanError) as refused:
        request(panel, names["plan"], equally)  # type: ignore[arg-type]
    texts = 9  # which are told once the others are filled in, as in a config
    assert str(refused.value).count("given '...'") >= text.count("=...") - texts
    assert "plan.sizing.max_weight: given '...'; expected a number" in str(refused.value)


def test_wrong_values_of_several_pieces_are_all_named_with_what_was_expected(panel: Panel) -> None:
    good = small_plan(panel)
    wrong: dict[str, Any] = {
        "hypothesis": "equal weight wins",
        "horizon": p.Horizon(10, "1D", p.every(0)),
        "trusted_data": p.trust(panel, "close"),
        "rules": (p.Rule("rebalance", "sometimes", "Every five sessions, give every stock the same part."),),  # type: ignore[arg-type]
        "sizing": replace(good.sizing, max_weight="6%", long_only="yes"),  # type: ignore[arg-type]
        "related_positions": p.RelatedPositions(p.named_groups({"tech": "AAPL"}), 0.9, None),
        "friction": replace(good.friction, commission_bps="1", liquidity=3),  # type: ignore[arg-type]
        "invalidation": (p.drawdown("a third"), 7),  # type: ignore[arg-type]
        "fast_exit": 1,
        "sample": p.Sample("2019-13-02", "2022-12-28", 50.5, 0),  # type: ignore[arg-type]
        "abnormal_volatility": replace(good.abnormal_volatility, in_stress="panic", stress_windows=(("a", "b"),)),  # type: ignore[arg-type]
        "documentation": p.Documentation(None, "runs"),  # type: ignore[arg-type]
    }
    with pytest.raises(PlanError) as refused:
        request(panel, replace(good, **wrong), equally)
    said = str(refused.value).splitlines()
    for start in (
        "plan.hypothesis: given 'equal weight wins'; expected a mapping with the keys statement",
        "plan.horizon.rebalance.bars: given 0; expected a number of bars, at least 1",
        "plan.trusted_data.fields: given 'close'; expected a list",
        "plan.rules[0].purpose: given 'sometimes'; expected one of entry",
        "plan.sizing.max_weight: given '6%'; expected a number; did you mean 0.06?",
        "plan.sizing.long_only: given 'yes'; expected true or false",
        "plan.related_positions.groups.members.tech: given 'AAPL'; expected a list",
        "plan.friction.commission_bps: given '1'; expected a number",
        "plan.friction.liquidity: given '3'; expected a mapping whose kind is one of measured",
        "plan.invalidation[0].limit: given 'a third'; expected a number",
        "plan.invalidation[1]: given '7'; expected a mapping whose kind is one of drawdown",
        "plan.fast_exit: given '1'; expected a mapping with the keys max_sessions",
        "plan.sample.first: given '2019-13-02'; expected a date such as 2019-01-02; there is no such day",
        "plan.sample.minimum_sessions: given '50.5'; expected a whole number",
        "plan.abnormal_volatility.in_stress: given 'panic'; expected one of trade",
        "plan.abnormal_volatility.stress_windows[0]: given a list; expected a mapping with the keys name",
        "plan.documentation.author: given nothing; expected text",
    ):
        assert any(line.startswith(start) for line in said), start


def test_a_plan_shows_every_item_and_escapes_it(panel: Panel) -> None:
    plan = small_plan(panel, documentation=p.Documentation("<script>alert(1)</script>", "runs"))
    shown = plan._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    for part in ("Hypothesis", "Invalidation", "drawdown (limit: 0.5)", "max weight: 0.95", "every bars (bars: 5)"):
        assert part in shown
