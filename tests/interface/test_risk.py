"""The risk of a book under laws that a model made."""

import numpy as np
import pandas as pd
import pytest
import torch

import quantdl as qd
from quantdl.config.risk_schema import LiquiditySettings
from quantdl.errors import ConfigError, DataError
from quantdl.risk.book.positions import Position, Positions
from quantdl.risk.stress.settings import ShockScenario


def test_the_risk_of_one_asset_is_the_quantile_of_its_law(ewma_laws):
    risk = qd.risk({"SIM000": 50.0, "CASH": 50.0}, ewma_laws, at="2001-06-01")
    exact = -0.5 * np.expm1(ewma_laws.quantiles(0.01).loc["2001-06-01", "SIM000"])
    assert abs(risk.value_at_risk - exact) < 4 * risk.value_at_risk_error
    assert risk.value_at_risk_error < 0.05 * exact
    assert risk.expected_shortfall > risk.value_at_risk


def test_money_and_shares_of_money_have_the_same_risk(ewma_laws):
    shares, money = ({"SIM000": 0.6 * size, "SIM001": 0.4 * size} for size in (1.0, 1e6))
    one, other = (qd.risk(book, ewma_laws, draws=5000) for book in (shares, money))
    assert one.value_at_risk == pytest.approx(other.value_at_risk)
    assert other.record.equity == pytest.approx(1e6)


def test_equal_weight_is_the_same_money_in_every_asset(ewma_laws):
    equal = qd.risk("equal", ewma_laws, draws=5000)
    stated = qd.risk(pd.Series({"SIM001": 2.0, "SIM000": 2.0}), ewma_laws, draws=5000)
    assert equal.value_at_risk == pytest.approx(stated.value_at_risk)


def test_contributions_add_up_to_the_figure_of_the_book(ewma_laws):
    risk = qd.risk({"SIM000": 2.0, "SIM001": -1.0}, ewma_laws, level=0.975, draws=20_000)
    parts = risk.contributions
    assert parts["expected_shortfall"].sum() == pytest.approx(risk.expected_shortfall)
    assert parts["value_at_risk"].sum() == pytest.approx(risk.value_at_risk, rel=0.05)


def test_later_prices_do_not_change_the_risk_of_a_close(ewma_laws, ewma, simulated):
    shorter = simulated.until("2001-06-04")
    laws = ewma.forecast(shorter, simulated.sessions[301], "2001-06-04")
    book = {"SIM000": 1.0, "SIM001": 1.0}
    one, other = (qd.risk(book, own, at="2001-06-01", draws=5000) for own in (ewma_laws, laws))
    assert one.record == other.record


def test_a_file_of_positions_is_a_book(ewma_laws, tmp_path):
    file = tmp_path / "book.csv"
    file.write_text("asset,value\nSIM000,60\nSIM001,40\n")
    stated = qd.risk({"SIM000": 60.0, "SIM001": 40.0}, ewma_laws, draws=5000)
    assert qd.risk(file, ewma_laws, draws=5000).value_at_risk == stated.value_at_risk


def test_all_unknown_assets_are_named(ewma_laws):
    with pytest.raises(DataError) as raised:
        qd.risk({"SIM00": 1.0, "ABC": 2.0}, ewma_laws)
    first, second = str(raised.value).splitlines()
    assert first.startswith("book: SIM00: no such asset among the prices, which hold 2; did you mean 'SIM00")
    assert second.startswith("book: ABC: no such asset among the prices, which hold 2")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"level": 1.2}, r"risk: level: given '1\.2'; expected a number, above 0\.5, below 1"),
        ({"level": 0.01}, r"risk: level: given '0\.01'; expected a number, above 0\.5, below 1"),
        ({"draws": 10}, "risk: draws: given '10'; expected a whole number, at least 1000"),
        ({"draws": 1000}, "draws: given 1000; expected at least 5000, 50 beyond the highest level"),
        ({"at": "yesterday"}, "at: given 'yesterday'; expected a date"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(ewma_laws, given, expected):
    with pytest.raises(ConfigError, match=expected):
        qd.risk("equal", ewma_laws, **given)


@pytest.mark.parametrize(
    ("book", "expected"),
    [
        ("eqal", "book: given 'eqal'; .*; did you mean 'equal'"),
        ({"SIM000": "many"}, "book: SIM000: given 'many'; expected money, a finite number"),
        ({"SIM000": float("nan")}, "book: SIM000: given nan; expected money, a finite number"),
        ({"SIM000": True}, "book: SIM000: given True; expected money"),
    ],
)
def test_what_is_no_book_is_refused(ewma_laws, book, expected):
    with pytest.raises(ConfigError, match=expected):
        qd.risk(book, ewma_laws)


def test_what_is_no_book_and_no_laws_are_refused_at_once(ewma_laws):
    with pytest.raises(ConfigError, match=r"(?s)laws: given str; .*book: given Laws; expected money by asset"):
        qd.risk(ewma_laws, "equal")
    with pytest.raises(ConfigError, match="book: SIM000: given 1000"):
        qd.risk({"SIM000": 10**400}, ewma_laws)


def test_a_book_that_is_worth_nothing_is_refused(ewma_laws):
    with pytest.raises(DataError, match="book: the book is worth 0.00"):
        qd.risk({"SIM000": 1.0, "SIM001": -1.0}, ewma_laws)


def test_scenarios_that_name_what_is_not_there_are_refused(ewma_laws):
    asked = qd.StressSettings(shocks=(ShockScenario(name="fall", assets={"ABC": -0.2}),))
    with pytest.raises(ConfigError, match=r"stress\.shocks\[0\]\.assets"):
        qd.risk("equal", ewma_laws, stress=asked)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"liquidity": LiquiditySettings(participation=-1.0)}, r"liquidity\.participation: given '-1\.0'; .*above 0"),
        ({"liquidity": LiquiditySettings(participation=0.0)}, r"liquidity\.participation: given '0\.0'; .*at most 1"),
        (
            {"liquidity": LiquiditySettings(half_spread_bps=-7.0)},
            r"liquidity\.half_spread_bps: given '-7\.0'; .*least 0",
        ),
        ({"liquidity": {"half_spread": 1.0}}, r"liquidity\.half_spread: unknown key; .*did you mean 'half_spread_bps'"),
        ({"liquidity": None}, "liquidity: given .*; expected a mapping with the keys participation"),
        ({"stress": True}, "stress: given 'true'; expected a mapping with the keys .* or null"),
        ({"stress": "yes"}, "stress: given 'yes'; expected a mapping with the keys .* or null"),
        ({"stress": qd.StressSettings(draws=5)}, r"stress\.draws: given '5'; expected a whole number, at least 1000"),
        ({"stress": qd.StressSettings(level=1.5)}, r"stress\.level: given '1\.5'; expected a number, .*below 1"),
        (
            {"stress": qd.StressSettings(shocks=(ShockScenario("x", {"SIM000": -3.0}),))},
            r"stress\.shocks\[0\]\.assets\.SIM000: given '-3\.0'; expected a number, at least -1, at most 10",
        ),
    ],
)
def test_liquidity_and_stress_are_refused_as_a_config_refuses_them(ewma_laws, given, expected):
    with pytest.raises(ConfigError, match=f"^risk: {expected}"):
        qd.risk("equal", ewma_laws, **given)


def test_liquidity_and_stress_are_read_as_they_are_given(ewma_laws):
    """50 sold at 10 % of 50 a session takes ten sessions; half of the book that falls by a fifth costs 10 %."""
    liquidity = LiquiditySettings(half_spread_bps=3.0, dollar_volume={"SIM000": 50.0, "SIM001": 1e6})
    stress = qd.StressSettings(
        named_windows=False,
        shocks=(ShockScenario("fall", {"SIM000": -0.2}),),
        conditional=(),
        reverse=(),
        laws=(),
        calibration=None,
        liquidity=None,
    )
    risk = qd.risk({"SIM000": 50.0, "SIM001": 50.0}, ewma_laws, draws=5000, liquidity=liquidity, stress=stress)
    assert risk.record.liquidation.days == pytest.approx(10.0)
    assert risk.record.liquidation.cost == pytest.approx(3e-4)
    assert risk.tables["stress"]["loss"].tolist() == pytest.approx([0.1])


@pytest.fixture(scope="module")
def unreached(ewma_laws, simulated):
    """A book with an asset that does not trade at the close, whose past is too short for one loss in a thousand."""
    return qd.risk({"SIM000": 60.0, "SIM001": 40.0}, ewma_laws, level=0.999, at=simulated.sessions[405])


@pytest.mark.parametrize(
    "figure",
    [
        "value_at_risk",
        "value_at_risk_error",
        "expected_shortfall",
        "expected_shortfall_error",
        "contributions",
        "plot",
        "plot_contributions",
    ],
)
def test_a_figure_that_is_not_defined_is_refused_with_the_reason(unreached, figure):
    reason = r"undefined: level 0\.999 needs at least 1000 observations, got 399 past returns over 1 bars of SIM001"
    with pytest.raises(DataError, match=reason):
        asked = getattr(unreached, figure)
        asked()
    assert "undefined: level 0.999 needs at least 1000" in repr(unreached)
    assert "undefined: level 0.999 needs at least 1000" in unreached._repr_html_()


def test_tables_of_a_book_without_figures_keep_their_columns(unreached, ewma_laws, tmp_path):
    told = qd.risk({"SIM000": 60.0}, ewma_laws, draws=5000).tables
    for name, table in unreached.tables.items():
        assert list(table.columns) == list(told[name].columns)
    assert unreached.tables["levels"]["value_at_risk"].isna().all()
    assert len(unreached.tables["positions"]) == 0
    assert "needs at least 1000" in unreached.report(tmp_path / "risk.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "book",
    [
        pd.Series([60.0, 40.0, 100.0], ["SIM000", "SIM000", "SIM001"]),
        Positions((Position("SIM000", value=60.0), Position("SIM000", value=40.0)), source="book"),
    ],
)
def test_an_asset_that_stands_twice_is_refused(ewma_laws, book):
    with pytest.raises(DataError, match="^book: asset 'SIM000' stands 2 times; expected it once"):
        qd.risk(book, ewma_laws)


def test_cash_that_stands_twice_is_refused(ewma_laws):
    book = pd.Series([60.0, 40.0, 100.0], ["SIM000", "CASH", "CASH"])
    with pytest.raises(DataError, match="^book: asset 'CASH' stands 2 times; expected it once"):
        qd.risk(book, ewma_laws)


def test_what_is_shown_holds_the_figures_and_is_escaped(ewma_laws, tmp_path):
    risk = qd.risk("equal", ewma_laws, draws=5000)
    page = risk._repr_html_()
    assert f"{100 * risk.value_at_risk:.2f}%" in page
    assert "equal weight" in repr(risk)
    assert "99%" in repr(risk)
    hostile = tmp_path / "<script>.csv"
    hostile.write_text("asset,value\nSIM000,60\n")
    assert "<script>" not in qd.risk(hostile, ewma_laws, draws=5000)._repr_html_()


def test_the_report_of_a_book_is_one_file(ewma_laws, tmp_path):
    written = qd.risk("equal", ewma_laws, draws=5000).report(tmp_path / "risk.html")
    assert "Risk of a book" in written.read_text(encoding="utf-8")


def test_the_chart_of_losses_marks_the_value_at_risk(ewma_laws):
    risk = qd.risk("equal", ewma_laws, draws=5000)
    texts = [note.text for note in risk.plot().layout.annotations]
    assert [text.split()[0] for text in texts] == ["VaR", "ES"]
    assert {*risk.plot_contributions().data[0].y} == {"SIM000", "SIM001"}


def test_the_losses_that_are_drawn_are_those_that_the_figures_were_read_off(ewma_laws):
    risk = qd.risk({"SIM000": 70.0, "SIM001": 30.0}, ewma_laws, draws=5000)
    losses = np.sort(risk.scenarios.losses(torch.from_numpy(risk.held.weights)).numpy())
    assert len(losses) == 5000
    assert losses[-50:].mean() == pytest.approx(risk.expected_shortfall, rel=1e-12)


def test_the_name_of_the_room_is_that_of_the_function_too(ewma_laws):
    from quantdl import risk as room

    assert room.value_at_risk is qd.risk.value_at_risk
    assert room("equal", ewma_laws, draws=5000).value_at_risk == qd.risk("equal", ewma_laws, draws=5000).value_at_risk
