"""Two runs side by side on the terminal."""

from quantdl.cli.figures import FIGURES, figure_named
from quantdl.cli.printing import print_table
from quantdl.cli.saying import say
from quantdl.results.comparison import Pair, RunComparison
from quantdl.scoring.comparisons import ScoreDifference

_PLACES = {key: place for place, key in enumerate(FIGURES)}
Line = tuple[str, float, float | None, float, float]


def print_comparison(table: RunComparison, first: str, second: str) -> None:
    """Print figures side by side, and the tests of what the runs differ in.

    Args:
        table: Of both runs.
        first: What the first run is called.
        second: What the second is called.
    """
    print_table(
        "Figures; percentages differ by percentage points",
        ["figure", first, second, "difference"],
        map(_figure_line, sorted(table.figures, key=lambda pair: _PLACES.get(pair.figure, len(_PLACES)))),
        plain_text=True,
    )
    lines = [*_returns(table), *_forecasts(table)]
    if lines:
        print_table(
            f"First less second, {table.bars} returns over the same bars, {table.start} to {table.end}",
            ["figure", "difference", "standard error", "t", "p"],
            [(*line, _p_value(p)) for *line, p in lines],
            decimals=4,
        )
    for what, reason in (("", table.undefined), ("forecasts: ", table.forecasts_undefined)):
        if reason:
            say(f"undefined: {what}{reason}")


def _p_value(value: float) -> str:
    """Write a p-value as the report does."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _figure_line(pair: Pair) -> tuple[str, str, str, str]:
    """Write a figure of both runs in words and in its unit; what a run does not have is left empty."""
    figure = figure_named(pair.figure)
    cells = ("" if value is None else figure.text(value) for value in (pair.first, pair.second, pair.difference))
    return (figure.words, *cells)  # type: ignore[return-value]


def _returns(table: RunComparison) -> list[Line]:
    found = table.returns
    if found is None:
        return []
    tests = (
        ("mean return [bp]", 1e4, found.mean),
        ("Sharpe", 1.0, found.sharpe),
        ("ES 95% [%]", 100.0, found.shortfall),
    )
    lines = [_line(f"{name} a bar", scale, test) for name, scale, test in tests if test is not None]
    if found.sharpe is not None and table.sharpe_difference is not None:
        yearly = table.sharpe_difference, table.sharpe_error, found.sharpe.t, found.sharpe.p_value
        lines.insert(2, ("Sharpe a year", *yearly))
    return lines


def _line(name: str, scale: float, test: ScoreDifference) -> Line:
    return name, scale * test.mean, scale * test.error, test.t, test.p_value


def _forecasts(table: RunComparison) -> list[Line]:
    of = table.forecasts
    if of is None:
        return []
    return [("log loss of forecasts [nats]", of.difference, None, of.diebold_mariano_t, of.diebold_mariano_p)]
