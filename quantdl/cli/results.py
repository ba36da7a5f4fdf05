"""What a run or a backtest found, on the terminal: the verdict in plain words, a short table, and where the rest is.

It reads what ``verdict.json``, ``metrics.json``, ``breakdowns.json`` and ``selection.json`` hold, as plain mappings, so
that showing a run loads nothing heavy.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from quantdl.cli.figures import FIGURES, figure_named
from quantdl.cli.printing import print_sentences, print_table

Plain = Mapping[str, Any]
"""A record as JSON holds it, or a part of one; empty where it is not there."""

_LOSSES = ("value_at_risk", "expected_shortfall")
_DEFLATED = "deflated_sharpe"


def print_result(verdict: Plain, metrics: Plain, breakdowns: Plain, selection: Plain, sample: Plain) -> None:
    """Print the verdict, why, and the strategy beside equal weight.

    Args:
        verdict: In plain words; empty where none is known.
        metrics: Every figure.
        breakdowns: Holds the trades by rule.
        selection: How much of the Sharpe ratio many trials leave.
        sample: Of the plan, its ``first`` and ``last`` session; empty where they are not known.
    """
    print_sentences(" ".join(filter(None, (verdict.get("headline"), verdict.get("advice")))))
    for reason in verdict.get("reasons", ()):
        print_sentences(f"Also: {reason}")
    if metrics.get("halted_on"):
        print_sentences(f"halted on {metrics['halted_on']}: {metrics.get('halt_reason', '')}")
    strategy, rival = part(metrics, "strategy"), part(metrics, "baseline")
    rows = [(name, own, other) for name, own, other in _rows(metrics, breakdowns, selection) if own or other]
    if rows:
        print_table(f"{_span(strategy, sample)}, after costs", ["", "strategy", "equal weight"], rows, plain_text=True)
    for name, why in {**part(rival, "undefined"), **part(strategy, "undefined")}.items():
        print_sentences(f"{figure_named(name).words.strip()}: undefined: {why}")
    why = part(selection, "undefined").get(_DEFLATED)
    if why and selection.get("n_trials") is not None:
        print_sentences(f"{FIGURES[f'selection.{_DEFLATED}'].words.strip()}: undefined: {why}")


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


def _span(strategy: Plain, sample: Plain) -> str:
    """Say over which sessions the figures are: those of the test span, which follow the close that they start from."""
    if sample.get("first") and sample.get("last"):
        return f"{sample['first']} to {sample['last']}"
    return f"from the close of {strategy.get('start', '')} to that of {strategy.get('end', '')}"


def _rows(metrics: Plain, breakdowns: Plain, selection: Plain) -> Iterator[tuple[str, str, str]]:
    own, rival = part(metrics, "strategy"), part(metrics, "baseline")
    further = part(metrics, "further")
    for key in ("cagr", "total_return", "volatility", "sharpe"):
        yield FIGURES[key].words, _text(own, key), _text(rival, key)
    estimate, other = part(further, "strategy", "sharpe"), part(further, "baseline", "sharpe")
    yield f"  its {estimate.get('confidence', 0.95):.0%} interval", _interval(estimate), _interval(other)
    for key in ("max_drawdown", *(f"{name}_{level}" for name in _LOSSES for level in (95, 99))):
        yield FIGURES[key].words, _text(own, key), _text(rival, key)
    opened, costs = breakdowns.get("opened_by"), part(metrics, "costs")
    if isinstance(opened, list):
        yield "trades", f"{sum(one.get('trades', 0) for one in opened):,}", ""
    for key in ("share_of_initial_equity", "annual_turnover"):
        if costs.get(key) is not None:
            yield FIGURES[f"costs.{key}"].words, _text(costs, key, "costs."), ""
    if selection.get("n_trials") is not None:
        for key in ("n_trials", _DEFLATED):
            yield FIGURES[f"selection.{key}"].words, _text(selection, key, "selection."), ""


def _text(record: Plain, key: str, block: str = "") -> str:
    """Write a figure of a record in its unit; nothing where the record does not know of it."""
    return FIGURES[f"{block}{key}"].text(record[key]) if key in record else ""


def _interval(estimate: Plain) -> str:
    """Write an interval so that an end near zero shows on which side of it it lies."""
    low, high = estimate.get("lower"), estimate.get("upper")
    ratio = FIGURES["sharpe"]
    return "" if low is None or high is None else f"{ratio.text(low)} to {ratio.text(high)}"
