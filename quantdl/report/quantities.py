"""What each recorded figure is called and in which unit it is written: the vocabulary shared by all tables.

A figure that is recorded under a name not listed here is still shown, under its own name in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quantdl.report.document import Cell, number
from quantdl.report.formatting import (
    BARS,
    COUNT,
    MONEY,
    NOT_RECORDED,
    PERCENT,
    PLAIN,
    PROBABILITY,
    RATIO,
    RETURN_SCORE,
    SCORE,
    STATISTIC,
    Unit,
    in_words,
    plainly,
    with_unit,
)
from quantdl.report.record import Record


@dataclass(frozen=True)
class Quantity:
    """A recorded figure: its key in the JSON files, its name and its unit."""

    key: str
    name: str
    unit: Unit

    @property
    def label(self) -> str:
        """The name with its unit in brackets."""
        return with_unit(self.name, self.unit)


_ALL = (
    Quantity("n_records", "Runs recorded on this data", COUNT),
    Quantity("n_trials", "Distinct trials on this data", COUNT),
    Quantity("effective_trials", "Effective number of trials", RATIO),
    Quantity("total_return", "Total return", PERCENT),
    Quantity("cagr", "Return a year", PERCENT),
    Quantity("cagr_bars", "Return a year, by bars", PERCENT),
    Quantity("annual_return", "Return a year", PERCENT),
    Quantity("volatility", "Volatility a year", PERCENT),
    Quantity("downside_risk", "Downside risk a year", PERCENT),
    Quantity("sharpe", "Sharpe ratio", RATIO),
    Quantity("sharpe_per_bar", "Sharpe ratio per bar", Unit("", 1.0, 4)),
    Quantity("sortino", "Sortino ratio", RATIO),
    Quantity("calmar", "Calmar ratio", RATIO),
    Quantity("max_drawdown", "Maximum drawdown", PERCENT),
    Quantity("skew", "Skewness", RATIO),
    Quantity("excess_kurtosis", "Excess kurtosis", RATIO),
    Quantity("value_at_risk_95", "Value at risk 95%, one bar", PERCENT),
    Quantity("value_at_risk_99", "Value at risk 99%, one bar", PERCENT),
    Quantity("expected_shortfall_95", "Expected shortfall 95%, one bar", PERCENT),
    Quantity("expected_shortfall_99", "Expected shortfall 99%, one bar", PERCENT),
    Quantity("worst_return", "Worst bar", PERCENT),
    Quantity("best_return", "Best bar", PERCENT),
    Quantity("mean_return", "Mean return per bar", Unit("bp", 1e4, 2)),
    Quantity("n_returns", "Returns", COUNT),
    Quantity("n_sessions", "Sessions", COUNT),
    Quantity("sessions", "Sessions", COUNT),
    Quantity("bars", "Bars", BARS),
    Quantity("bars_per_year", "Bars a year", RATIO),
    Quantity("risk_free_annual", "Risk-free rate a year", PERCENT),
    Quantity("nll", "Negative log score", SCORE),
    Quantity("joint_nll", "Joint negative log score per observed asset", SCORE),
    Quantity("log_score", "Log score", SCORE),
    Quantity("crps", "CRPS", RETURN_SCORE),
    Quantity("energy_score", "Energy score", RETURN_SCORE),
    Quantity("n", "Outcomes", COUNT),
    Quantity("n_observations", "Observations", COUNT),
    Quantity("deflated_sharpe", "Deflated Sharpe ratio, a probability", PROBABILITY),
    Quantity("probabilistic_sharpe", "Probabilistic Sharpe ratio, a probability", PROBABILITY),
    Quantity("expected_maximum_sharpe", "Best Sharpe ratio per bar expected from luck", Unit("", 1.0, 4)),
    Quantity("overfitting_probability", "Probability of backtest overfitting", PROBABILITY),
    Quantity("sharpe_variance", "Variance of the Sharpe ratios per bar of all trials", PLAIN),
    Quantity("total", "All costs", MONEY),
    Quantity("commission", "Commission", MONEY),
    Quantity("spread", "Spread", MONEY),
    Quantity("impact", "Impact", MONEY),
    Quantity("borrow", "Borrow", MONEY),
    Quantity("share_of_initial_equity", "Costs over initial equity", PERCENT),
    Quantity("annual_drag", "Costs a year", PERCENT),
    Quantity("turnover", "Turnover a year", Unit("times equity", 1.0, 2)),
    Quantity("annual_turnover", "Turnover a year", Unit("times equity", 1.0, 2)),
    Quantity("break_even_bps", "Break-even one-way cost", Unit("bp", 1.0, 1)),
    Quantity("stated_bps", "Stated one-way cost", Unit("bp", 1.0, 1)),
    Quantity("commission_bps", "Commission, each way", Unit("bp", 1.0, 1)),
    Quantity("half_spread_bps", "Half spread, each way", Unit("bp", 1.0, 1)),
    Quantity("days", "Sessions to leave the book", RATIO),
    Quantity("days_half_volume", "Sessions to leave it at half the volume", RATIO),
    Quantity("cost", "Cost of leaving, over equity", PERCENT),
    Quantity("cost_five_spreads", "Cost of leaving at five times the spread, over equity", PERCENT),
    Quantity("statistic", "Statistic", STATISTIC),
    Quantity("p_value", "p-value", PROBABILITY),
)
_BY_KEY = {quantity.key: quantity for quantity in _ALL}


def quantity(key: str) -> Quantity:
    """Return the quantity recorded under ``key``; an unknown key is named after itself.

    Example:
        >>> quantity("max_drawdown").label, quantity("hit_rate").label
        ('Maximum drawdown [%]', 'Hit rate')
    """
    return _BY_KEY.get(key, Quantity(key, in_words(key), PLAIN))


def recorded(record: Record, key: str) -> Cell:
    """Build the cell of a figure, or of the reason that is recorded for its absence."""
    found = record.get(key)
    if isinstance(found, str):
        return Cell(found, numeric=True)
    if isinstance(found, int) and not isinstance(found, bool) and key not in _BY_KEY:
        return Cell(plainly(found), numeric=True)
    return number(record.number(key), quantity(key).unit, reason_of(record, key))


def reason_of(record: Record, key: str) -> str:
    """Return why a figure is undefined, as recorded beside it.

    Example:
        >>> reason_of(Record({"sharpe": None, "undefined": {"sharpe": "all returns are equal"}}), "sharpe")
        'undefined: all returns are equal'
    """
    reason = record.text("undefined", key)
    return f"undefined: {reason}" if reason else NOT_RECORDED


def known_first(keys: Sequence[str]) -> tuple[str, ...]:
    """Order keys as listed in this file, then the unknown ones by name; the reasons are no figure."""
    listed = [quantity.key for quantity in _ALL]
    wanted = dict.fromkeys(key for key in keys if key != "undefined")
    return tuple(sorted(wanted, key=lambda key: (listed.index(key) if key in listed else len(listed), key)))
