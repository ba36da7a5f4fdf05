"""Figures in their units, rounded and signed as one would by hand."""

import pytest

from quantdl.report.formatting import (
    BARS,
    BPS,
    COUNT,
    MONEY,
    ONE_DIGIT,
    PERCENT,
    PLAIN,
    PROBABILITY,
    RATIO,
    RETURN_SCORE,
    SCORE,
    SMALL_RATIO,
    STATISTIC,
    TIMES_EQUITY,
    capitalized,
    counted,
    figure,
    headline,
    in_words,
    level_figure,
    p_value,
    plainly,
    points_above,
    stated,
    with_minus,
    with_unit,
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.123449, PERCENT, "12.34"),
        (0.123451, PERCENT, "12.35"),
        (12.5, PERCENT, "1,250.00"),
        (1.005001, RATIO, "1.01"),
        (-2.9131234, SCORE, "\u22122.9131"),
        (0.00981, RETURN_SCORE, "98.10"),
        (1_234_567.8, MONEY, "1,234,568"),
        (999.4, MONEY, "999"),
        (21.0, BARS, "21"),
        (1_041.0, COUNT, "1,041"),
        (3.46, BPS, "3.5"),
        (7.901, TIMES_EQUITY, "7.90"),
        (0.04217, SMALL_RATIO, "0.0422"),
        (12.25001, ONE_DIGIT, "12.3"),
        (0.0314159, STATISTIC, "0.031"),
        (0.9996, PROBABILITY, "1.000"),
        (0.000314159, PLAIN, "0.0003142"),
        (-0.000314159, PLAIN, "\u22120.0003142"),
    ],
)
def test_figures_are_scaled_and_rounded_to_the_decimals_of_their_unit(value, unit, text):
    assert figure(value, unit) == text


def test_the_minus_sign_is_as_wide_as_a_plus_and_never_stands_before_zero():
    assert figure(-0.1234, PERCENT) == "\u221212.34"
    assert figure(-0.00004, PERCENT) == "0.00"
    assert figure(-0.0, RATIO) == "0.00"
    assert figure(-1_234.5678, RATIO) == "\u22121,234.57"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_said_in_words(value):
    assert figure(value, PERCENT) == "not finite"


def test_a_figure_that_stands_alone_carries_its_unit():
    assert headline(0.0712, PERCENT) == "7.12%"
    assert headline(-2.9, SCORE) == "\u22122.9000 nats"
    assert headline(1.5, RATIO) == "1.50"
    assert headline(21, BARS) == "21 bars"


def test_units_stand_in_brackets_where_there_is_one():
    assert with_unit("Volatility", PERCENT) == "Volatility [%]"
    assert with_unit("Break-even", BPS) == "Break-even [bp]"
    assert with_unit("Sharpe ratio", RATIO) == "Sharpe ratio"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.4, "40%"), (0.975, "97.5%"), (0.29, "29%"), (0.07, "7%"), (1.02, "102%"), (0.0, "0%"), (0.00125, "0.125%")],
)
def test_a_fraction_that_was_chosen_keeps_only_the_decimals_it_has(fraction, text):
    assert stated(fraction) == text


def test_levels_have_only_the_decimals_they_need():
    assert [level_figure(level) for level in (0.5, 0.9, 0.975, 0.98, 0.999)] == ["50", "90", "97.5", "98", "99.9"]


def test_what_lies_above_a_limit_is_told_in_points():
    assert points_above(0.412, 0.4) == "1.20"
    assert points_above(0.401, 0.4) == "0.10"
    assert points_above(0.4 + 1e-12, 0.4) is None
    assert points_above(0.1 + 0.2, 0.3) is None  # 0.30000000000000004: above by rounding only
    assert points_above(0.39, 0.4) is None


def test_p_values_stop_at_one_in_a_thousand():
    assert [p_value(value) for value in (0.000999, 0.001, 0.0421, 1.0)] == ["< 0.001", "0.001", "0.042", "1.000"]


def test_keys_become_labels():
    assert in_words("max_drawdown") == "Max drawdown"
    assert in_words("  stop   loss ") == "Stop loss"
    assert in_words("XNYS_calendar") == "XNYS calendar"
    assert in_words("") == ""


def test_a_sentence_begins_with_a_capital_unless_with_a_name_of_signs():
    assert capitalized("drawdown, of 41 %") == "Drawdown, of 41 %"
    assert capitalized("plan:stop_loss: 2 orders") == "plan:stop_loss: 2 orders"
    assert capitalized("78 exceptions") == "78 exceptions"
    assert capitalized("") == ""


def test_counts_agree_with_their_noun():
    assert [counted(n, "trade") for n in (0, 1, 2, 1_200)] == ["0 trades", "1 trade", "2 trades", "1,200 trades"]
    assert counted(2, "loss", "losses") == "2 losses"
    assert counted(1, "loss", "losses") == "1 loss"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        (7, "7"),
        (9_999, "9999"),
        (10_000, "10,000"),
        (-12_345, "\u221212,345"),
        (-7, "\u22127"),
        (0.25, "0.25"),
        (-0.25, "\u22120.25"),
        (1e-5, "1e-05"),
        ("plain", "plain"),
        ([], "none"),
        ({}, "none"),
        ([1, [True, None]], "1, yes, none"),
        ({"a": 1, "b": [2, 3]}, "a: 1; b: 2, 3"),
    ],
)
def test_any_value_of_a_config_is_written_plainly(value, text):
    assert plainly(value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("crash of 2020 -7.90%", "crash of 2020 \u22127.90%"),
        ("from 2019-01-02 to 2022-12-28", "from 2019-01-02 to 2022-12-28"),
        ("(-0.5)", "(\u22120.5)"),
        ("sha256-12 and BRK-2", "sha256-12 and BRK-2"),
    ],
)
def test_the_minus_of_a_figure_is_told_from_a_hyphen(text, shown):
    assert with_minus(text) == shown
