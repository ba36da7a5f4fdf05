"""What a run or a backtest found, on the terminal: the verdict in plain words, a short table, and where the rest is.

It reads what ``verdict.json``, ``metrics.json``, ``breakdowns.json`` and ``selection.json`` hold, as plain mappings, so
that showing a run loads nothing heavy.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from quantdl.cli.printing import print_sentences, print_table

Plain = Mapping[str, Any]
"""A record as JSON holds it, or a part of one; empty where it is not there."""

_UNDEFINED = "undefined"


def print_result(verdict: Plain, metrics: Plain, breakdowns: Plain, selection: Plain) -> None:
    """Print the verdict, why, and the strategy beside equal weight.

    Args:
        verdict: In plain words; empty where none is known.
        metrics: Every figure.
        breakdowns: Holds the trades by rule.
        selection: How much of the Sharpe ratio many trials leave.
    """
    print_sentences(" ".join(filter(None, (verdict.get("headline"), verdict.get("advice")))))
    for reason in verdict.get("reasons", ()):
        print_sentences(f"Also: {reason}")
    if metrics.get("halted_on"):
        print_sentences(f"halted on {metrics['halted_on']}: {metrics.get('halt_reason', '')}")
    strategy, rival = part(metrics, "strategy"), part(metrics, "baseline")
    span = f"{strategy.get('start', '')}..{strategy.get('end', '')}"
    rows = [(name, own, other) for name, own, other in _rows(metrics, breakdowns, selection) if own or other]
    if rows:
        print_table(f"{span}, after costs", ["", "strategy", "equal weight"], rows, plain_text=True)
    if rival.get("undefined") or strategy.get("undefined"):
        for name, why in {**part(rival, "undefined"), **part(strategy, "undefined")}.items():
            print_sentences(f"{name}: undefined: {why}")


def part(record: Plain, *names: str) -> Plain:
    """Return what stands under names in a record, where that is a record itself; else an empty one.

    Example:
        >>> part({"a": {"b": {"c": 1}}, "d": None}, "a", "b"), part({"d": None}, "d", "b")
        ({'c': 1}, {})
    """
    found: Any = record
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _rows(metrics: Plain, breakdowns: Plain, selection: Plain) -> Iterator[tuple[str, str, str]]:
    own, rival = part(metrics, "strategy"), part(metrics, "baseline")
    for name, key in (
        ("return a year", "cagr"),
        ("return in all", "total_return"),
        ("volatility a year", "volatility"),
    ):
        yield name, _percent(own, key, 1), _percent(rival, key, 1)
    further = part(metrics, "further")
    yield "Sharpe ratio", _number(own, "sharpe"), _number(rival, "sharpe")
    estimate, other = part(further, "strategy", "sharpe"), part(further, "baseline", "sharpe")
    yield f"  its {estimate.get('confidence', 0.95):.0%} interval", _interval(estimate), _interval(other)
    yield "largest fall", _percent(own, "max_drawdown", 1), _percent(rival, "max_drawdown", 1)
    for name, key in (("value at risk", "value_at_risk"), ("expected shortfall", "expected_shortfall")):
        for level in (95, 99):
            yield f"{name}, {level}%", _percent(own, f"{key}_{level}", 2), _percent(rival, f"{key}_{level}", 2)
    opened, costs = breakdowns.get("opened_by"), part(metrics, "costs")
    if isinstance(opened, list):
        yield "trades", f"{sum(one.get('trades', 0) for one in opened):,}", ""
    yield "costs, of initial equity", _percent(costs, "share_of_initial_equity", 2), ""
    if costs.get("annual_turnover") is not None:
        yield "turnover a year", f"{costs['annual_turnover']:.2f}", ""
    if selection.get("n_trials") is not None:
        yield "trials of this hypothesis", f"{selection['n_trials']:,}", ""
        yield "  deflated Sharpe ratio", _percent(selection, "deflated_sharpe", 1), ""


def _percent(record: Plain, key: str, digits: int) -> str:
    value = record.get(key)
    if key not in record:
        return ""
    return _UNDEFINED if value is None else f"{100 * value:.{digits}f}%"


def _number(record: Plain, key: str) -> str:
    value = record.get(key)
    if key not in record:
        return ""
    return _UNDEFINED if value is None else f"{value:.2f}"


def _interval(estimate: Plain) -> str:
    low, high = estimate.get("lower"), estimate.get("upper")
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
