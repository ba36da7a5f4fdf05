"""The risk of a book, printed, and written as tables, JSON and a report."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quantdl.cli.figures import percent
from quantdl.cli.printing import print_table
from quantdl.cli.saying import say
from quantdl.errors import ConfigError
from quantdl.percents import stated

if TYPE_CHECKING:
    from quantdl.results.book_risk import BookRiskRecord
    from quantdl.risk.book.figures import LevelFigures, PartFigures
    from quantdl.risk.stress.record import StressReport

_DECIMALS = 2  # of percent, as in the report
_COST = percent("cost of leaving", _DECIMALS)
REPORT, RECORD = "report.html", "book_risk.json"
"""Names of the report and of the record in the folder written."""


def bought(trades: Sequence[str]) -> dict[str, float]:
    """Read what ``--trade`` states: money bought by asset, negative for sold.

    Raises:
        ConfigError: If one is not of the form ASSET=MONEY, or an asset stands twice.

    Example:
        >>> bought(["AAPL=-100000", "1E5=2e4"])
        {'AAPL': -100000.0, '1E5': 20000.0}
    """
    found: dict[str, float] = {}
    for given in trades:
        asset, _, text = given.rpartition("=")
        try:
            money = float(text)
        except ValueError:
            money = math.nan
        if not asset or not math.isfinite(money) or asset in found:
            raise ConfigError(
                f"--trade: given {given!r}; expected ASSET=MONEY, each asset once, such as AAPL=-100000 for selling "
                "100,000 worth of it."
            )
        found[asset] = money
    return found


def write_book_risk(record: "BookRiskRecord", folder: Path) -> None:
    """Write each table as CSV, the record as JSON and the report; all of it, or nothing.

    Raises:
        AlreadyStoredError: If the folder exists.
        RunError: If the disk refuses.
    """
    from quantdl.disk import disk_errors, publishing
    from quantdl.records import json_text, to_plain
    from quantdl.report.book_risk import write_book_risk_report
    from quantdl.results.book_risk import book_risk_tables
    from quantdl.results.tables import csv_text

    with publishing(folder) as partial, disk_errors(folder):
        for name, table in book_risk_tables(record).items():
            (partial / f"{name}.csv").write_text(csv_text(table), encoding="utf-8", newline="")
        (partial / RECORD).write_text(json_text(to_plain(record), RECORD), encoding="utf-8")
        write_book_risk_report(record, partial / REPORT)


def print_book_risk(record: "BookRiskRecord") -> None:
    """Print risk by level and window, contributions of positions and groups at the highest level, and the rest."""
    columns = ["bars", "level", "VaR [%]", "error [%]", "ES [%]", "error [%]", "VaR, money", "ES, money"]
    lines = [_level_line(one, record.equity) for one in record.figures.levels]
    spread = [one for one in record.figures.levels if one.value_at_risk_members is not None]
    print_table(
        f"Risk at the close of {record.basis.session}, in percent of equity", columns, lines, decimals=_DECIMALS
    )
    if spread:
        names = ["bars", "level", "VaR, least", "largest", "share of VaR", "share of ES"]
        print_table("Under the members of the law, in percent", names, map(_member_line, spread), decimals=_DECIMALS)
    told = [one for one in record.figures.levels if not one.reason]
    if told:
        _print_contributions(record, told[0].bars, max(one.level for one in told if one.bars == told[0].bars))
    if record.stress is not None and record.stress.rows:
        _print_stress(record.stress)
    for line in _sentences(record):
        say(line)


def print_highest_risk(record: "BookRiskRecord") -> None:
    """Print one line: value at risk and shortfall of the next bar at the highest level."""
    told = [one for one in record.figures.levels if not one.reason]
    if not told:
        say("risk: undefined")
        return
    first = min(one.bars for one in told)
    one = max((one for one in told if one.bars == first), key=lambda one: one.level)
    limit, shortfall = one.value_at_risk, one.expected_shortfall
    assert limit is not None and shortfall is not None  # there is no reason why they are not defined
    bars = f"{one.bars} bar{'s' if one.bars > 1 else ''}"
    say(f"over {bars} at {stated(one.level)}: value at risk {limit:.2%}, expected shortfall {shortfall:.2%}")


def _print_stress(found: "StressReport") -> None:
    names = ["scenario", "loss [%]", "error", "probability", "largest loss"]
    lines = []
    for one in found.rows:
        loss = "undefined" if one.loss is None else f"{100 * one.loss:z.2f}"
        probability = "" if one.probability is None else f"{one.probability:.2g}"
        largest = f"{one.worst[0].asset} {100 * one.worst[0].loss:.2f}%" if one.worst else ""
        lines.append((one.name, loss, *_percent(one.error), probability, largest))
    print_table("Stress: what the book loses, in percent of equity", names, lines, decimals=_DECIMALS)
    for one in found.rows:
        if one.loss is None:
            say(f"{one.name}: undefined: {one.why_not}")


def _print_contributions(record: "BookRiskRecord", bars: int, level: float) -> None:
    shown = f"over {bars} bar{'s' if bars > 1 else ''} at {stated(level)}, in percent of equity"
    positions = [one for one in record.figures.positions if (one.bars, one.level) == (bars, level)]
    names = ["asset", "group", "weight [%]", "VaR", "error", "ES", "error", "ES if closed"]
    lines = [
        (
            one.asset,
            one.group,
            *_percent(one.weight, one.value_at_risk, one.value_at_risk_error),
            *_percent(one.expected_shortfall, one.expected_shortfall_error, one.expected_shortfall_incremental),
        )
        for one in positions
    ]
    print_table(f"What positions add, {shown}", names, lines, decimals=_DECIMALS)
    for title, rows in (("groups", record.figures.groups), ("factors", record.figures.factors)):
        chosen = [_part_line(one) for one in rows if (one.bars, one.level) == (bars, level)]
        columns = ["name", "exposure [%]", "VaR", "error", "ES", "error"]
        print_table(f"What {title} add, {shown}", columns, chosen, decimals=_DECIMALS)
    if positions and positions[0].value_at_risk_reason:
        say(f"what adds to value at risk: undefined: {positions[0].value_at_risk_reason}")


def _level_line(one: "LevelFigures", equity: float) -> tuple[object, ...]:
    if one.value_at_risk is None or one.expected_shortfall is None:
        return one.bars, stated(one.level), f"undefined: {one.reason}", None, None, None, None, None
    figures = _percent(one.value_at_risk, one.value_at_risk_error, one.expected_shortfall, one.expected_shortfall_error)
    money = (f"{equity * part:,.0f}" for part in (one.value_at_risk, one.expected_shortfall))
    return (one.bars, stated(one.level), *figures, *money)


def _member_line(one: "LevelFigures") -> tuple[object, ...]:
    limit, shortfall = one.value_at_risk_members, one.expected_shortfall_members
    assert limit is not None and shortfall is not None  # both, or neither
    return one.bars, stated(one.level), *_percent(limit.low, limit.high, limit.share, shortfall.share)


def _part_line(one: "PartFigures") -> tuple[object, ...]:
    figures = (one.exposure, one.value_at_risk, one.value_at_risk_error)
    return one.name, *_percent(*figures, one.expected_shortfall, one.expected_shortfall_error)


def _percent(*fractions: float | None) -> tuple[float | None, ...]:
    return tuple(None if fraction is None else 100.0 * fraction for fraction in fractions)


def _sentences(record: "BookRiskRecord") -> list[str]:
    """What else there is to say, a line each."""
    basis, leaving, hedge = record.basis, record.liquidation, record.hedge
    lines = [
        f"equity: {record.equity:,.2f}, of it cash {record.cash:,.2f}; gross {record.gross:.1%}, net {record.net:.1%}",
        f"law: {basis.model}, fitted through {basis.fitted_through}; {basis.draws:,} draws, seed {basis.seed}",
    ]
    if hedge is None:
        known = "no single instrument lowers the expected shortfall" if record.figures.positions else "undefined"
        lines.append(f"best hedge: {known}")
    else:
        change = hedge.expected_shortfall
        side = "sell" if hedge.weight < 0 else "buy"
        lines.append(
            f"best hedge with one instrument: {side} {abs(hedge.weight) * record.equity:,.0f} of {hedge.asset}; "
            f"expected shortfall at {stated(record.hedge_level)} from {change.before:.2%} to {change.after:.2%}"
        )
    for effect in () if record.trade is None else record.trade.effects:
        change = effect.expected_shortfall
        lines.append(
            f"trade: expected shortfall at {stated(effect.level)} from {change.before:.2%} to {change.after:.2%}, "
            f"value at risk from {effect.value_at_risk.before:.2%} to {effect.value_at_risk.after:.2%}"
        )
    if leaving.days is None:
        lines.append(f"days to liquidate: undefined: {leaving.reason}")
    else:
        lines.append(
            f"days to liquidate: {leaving.days:.2f} at {leaving.participation:.0%} of the volume, "
            f"{leaving.days_half_volume:.2f} with half the volume"
        )
    cost, dear = _COST.text(leaving.cost), _COST.text(leaving.cost_five_spreads)
    lines.append(f"cost of leaving: {cost} of equity, {dear} with five times the spread")
    return [*lines, *(f"note: {note}" for note in record.notes)]
