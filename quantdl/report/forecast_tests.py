"""Every test of the risk forecasts with a plain sentence, the traffic lights, and the strip of their monitoring."""

from collections.abc import Mapping

from quantdl.report import charts
from quantdl.report.document import Cell, Part, Row, Table, Tone, header, notice, number, row
from quantdl.report.formatting import (
    COUNT,
    ONE_DIGIT,
    PROBABILITY,
    RATIO,
    SMALL_RATIO,
    STATISTIC,
    capitalized,
    figure,
    p_value,
    stated,
)
from quantdl.results.run_record import RunRecord
from quantdl.risk.backtests import BaselZone
from quantdl.risk.book.forecast_tests import ALARM, EProcessRecord, ForecastTest, ForecastTests, MonitoredYear

SIGNIFICANCE = 0.05
JUDGED = ("christoffersen_conditional", "kolmogorov_smirnov")
"""The tests by which the checklist judges the forecasts."""
SAYS = {
    "kupiec": (
        "Kupiec, coverage",
        "As many exceptions as promised.",
        "Not as many exceptions as promised.",
    ),
    "christoffersen_independence": (
        "Christoffersen, independence",
        "One exception makes the next no likelier.",
        "An exception on one day changes the chance of another on the next.",
    ),
    "christoffersen_conditional": (
        "Christoffersen, both",
        "Number and order of exceptions together are as promised.",
        "Number and order of exceptions together are not as promised.",
    ),
    "dynamic_quantile": (
        "Dynamic quantile",
        "Exceptions of the last four sessions do not foretell the next.",
        "Exceptions could be foretold by those before, or are not as many as promised.",
    ),
    "weibull_durations": (
        "Durations",
        "Waits between exceptions have no memory.",
        "Exceptions come in clusters, or like a clock.",
    ),
    "acerbi_szekely_z1": (
        "Acerbi-Szekely Z1",
        "Losses beyond the value at risk are no larger than predicted.",
        "Losses beyond the value at risk are larger than predicted.",
    ),
    "acerbi_szekely_z2": (
        "Acerbi-Szekely Z2",
        "Number and size of exceptions fit the predicted shortfall.",
        "Exceptions are too many or too large for the predicted shortfall.",
    ),
    "kolmogorov_smirnov": (
        "Kolmogorov-Smirnov",
        "Losses fall evenly into their predicted law.",
        "Losses do not fall evenly into their predicted law.",
    ),
    "berkowitz": (
        "Berkowitz",
        "The predicted law has the right centre, width and no memory.",
        "The predicted law is off in centre or width, or its errors have memory.",
    ),
}
BETS = {
    "exceptions": "that exceptions come too often",
    "shortfall": "that losses beyond the value at risk are too many or too large",
    "transforms": "that losses do not fall evenly into their predicted law",
}
TONES: Mapping[str, Tone] = {"green": "good", "yellow": "open", "red": "bad"}
TESTS_NOTE = (
    "Each row asks one thing. The checklist judges the forecasts by Christoffersen's test of both at each level and by "
    "that of Kolmogorov and Smirnov, and rejects by one that is below {below}, so that right forecasts fail any of "
    "them in 5% of the runs. Any other p-value below 0.05 is so alone and rejects nothing: of twenty tests of right "
    "forecasts one is expected to be. Exact and simulated p-values hold for as few sessions as there are; how often "
    "each test rejects right and wrong forecasts is told in the documentation of quantdl, page \u201cTests of risk "
    "forecasts, and their monitoring\u201d."
)
LIGHTS_NOTE = (
    "Exceptions at 99% in the last 250 sessions: green up to 4, yellow 5 to 9, red from 10. The multiplier is that of "
    "the Basel framework (MAR32 and MAR99), which counts by the worse light. Its actual profit leaves out fees; the "
    "account's is after all costs, and so the stricter."
)
MONEY_NOTE = (
    "A gambler who starts with one bets against the forecasts before every session. If they are right he reaches 20 in "
    "one run of twenty at most, however long it runs and however often one looks. The checklist does not judge by "
    "these bets."
)


def parts(run: RunRecord) -> tuple[Part, ...]:
    """Lay out the tests, the traffic lights and the strip of one run; nothing where it has none."""
    found, strip = run.metrics.forecast_tests, run.tables.monitoring
    if found is None:
        return ()
    lights = _lights(found.hypothetical, found.actual, found.lights_undefined)
    drawn = () if strip is None or not found.years else (charts.forecast_monitor(strip, ALARM), _years(found.years))
    return tests_table(found, run.metrics.rejects_below), lights, *drawn, _money(found)


def tests_table(found: ForecastTests, rejects_below: float) -> Table:
    """List every test with its p-value and what that says.

    Args:
        found: The tests.
        rejects_below: P-value below which a test of the checklist rejects.
    """
    columns = (*header("Test", "Level", numeric_from=9), *header("Statistic", "p-value", "Sessions", numeric_from=0))
    rows = tuple(_test_row(one, rejects_below) for one in found.tests)
    note = TESTS_NOTE.format(below=figure(rejects_below, SMALL_RATIO))
    return Table("Tests of the risk forecasts", (*columns, Cell("What it says")), rows, note, whole=True)


def _test_row(test: ForecastTest, rejects_below: float) -> Row:
    name, accepted, refused = SAYS[test.test]
    level = Cell("whole law" if test.level is None else stated(test.level))
    if test.p_value is None:
        said = Cell("?", numeric=True, tone="muted"), Cell("?", numeric=True, tone="muted")
        return row(name, level, *said, number(test.n, COUNT), Cell(f"Undecided: {test.undefined}", tone="open"))
    rejected = test.test in JUDGED and test.p_value < rejects_below
    p_cell = Cell(p_value(test.p_value), numeric=True, tone="bad" if rejected else "plain", under=test.how)
    if rejected:
        says = Cell(f"\u2717 Rejected. {refused}", tone="bad")
    elif test.p_value < SIGNIFICANCE:
        says = Cell(f"Below {SIGNIFICANCE:g} alone, as if: {refused[:1].lower()}{refused[1:]}")
    else:
        says = Cell(f"\u2713 {accepted}", tone="good")
    return row(name, level, number(test.statistic, STATISTIC), p_cell, number(test.n, COUNT), says)


def _lights(hypothetical: BaselZone | None, actual: BaselZone | None, why: str) -> Part:
    if hypothetical is None or actual is None:
        return notice(f"The Basel traffic light is undefined: {why}")
    profits = (
        ("Hypothetical: the book as held", hypothetical),
        ("Actual: the account, after costs and all trades", actual),
    )
    rows = tuple(
        row(
            name,
            Cell(light.zone, tone=TONES[light.zone]),
            number(light.exceptions, COUNT),
            number(light.cumulative_probability, PROBABILITY),
            number(light.multiplier, RATIO, "stated for 250 sessions only"),
        )
        for name, light in profits
    )
    names = ("Exceptions", "Chance of so many or fewer", "Multiplier")
    columns = (Cell("Profit and loss"), Cell("Light"), *header(*names, numeric_from=0))
    return Table("Basel traffic light", columns, rows, LIGHTS_NOTE, narrow=True)


def _money(found: ForecastTests) -> Table:
    rows = tuple(_money_row(one) for one in found.e_processes)
    columns = (*header("Bets", "Level", numeric_from=9), *header("Money at the end", "Most ever", numeric_from=0))
    return Table("E-processes", (*columns, Cell("What it says")), rows, MONEY_NOTE)


def _money_row(one: EProcessRecord) -> Row:
    level, alarmed = Cell("whole law" if one.level is None else stated(one.level)), one.highest >= ALARM
    top = Cell(number(one.highest, RATIO).text, numeric=True, under=str(one.highest_on))
    reached = f"It reached {ALARM:g}, which by itself speaks against the forecasts."
    told = Cell(reached) if alarmed else Cell(f"\u2713 It never reached {ALARM:g}.", tone="good")
    return row(capitalized(BETS[one.bets_on]), level, number(one.last, RATIO), top, told)


def _years(years: tuple[MonitoredYear, ...]) -> Table:
    rows = tuple(
        row(
            str(one.year),
            number(one.n, COUNT),
            number(one.exceptions, COUNT),
            number(one.expected, ONE_DIGIT),
            number(one.mean_pit, STATISTIC, "none"),
            number(one.exceptions_money, RATIO),
            number(one.shortfall_money, RATIO),
            number(one.transforms_money, RATIO, "none"),
        )
        for one in years
    )
    names = ("Year", "Sessions", "Exceptions", "Expected", "Mean probability")
    money = ("On exceptions", "On the shortfall", "On transforms")
    note = (
        "The figures of the drawing by year. Exceptions are those at the highest level; the mean probability of a "
        "smaller loss is one half for a right law; money is that after the last session of the year."
    )
    return Table("Monitoring by year", header(*names, *money), rows, note)
