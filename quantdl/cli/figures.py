"""What the figures of a run are called on the terminal and how each is written, the same in every command.

They are named as ``metrics.json`` and ``selection.json`` hold them: those of the strategy by their key, others behind
the name of their block, such as ``costs.traded``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from quantdl.shown import telling_decimals

UNDEFINED = "undefined"


@dataclass(frozen=True)
class Figure:
    """A figure of a run.

    Attributes:
        words: What it is called.
        decimals: How many are shown; more where these would write a figure as zero that is not.
        scale: What is stored is multiplied by it.
        unit: Behind the figure.
    """

    words: str
    decimals: int = 2
    scale: float = 1.0
    unit: str = ""

    def text(self, value: object) -> str:
        """Write a value in its unit: text as it is, None as undefined.

        Example:
            >>> Figure("return a year", 1, 100.0, "%").text(0.1629), Figure("Sharpe ratio").text(-0.0031)
            ('16.3%', '-0.003')
        """
        if value is None:
            return UNDEFINED
        if not isinstance(value, int | float):
            return str(value)
        shown = self.scale * value
        return f"{shown:z,.{telling_decimals(shown, self.decimals)}f}{self.unit}"


def percent(words: str, decimals: int = 1) -> Figure:
    """Build a figure that is stored as a fraction and shown in percent.

    Example:
        >>> percent("return a year").text(0.1629)
        '16.3%'
    """
    return Figure(words, decimals, 100.0, "%")


def _count(words: str) -> Figure:
    return Figure(words, 0)


FIGURES: Mapping[str, Figure] = MappingProxyType(
    {
        "verdict": Figure("verdict"),
        "cagr": percent("return a year"),
        "cagr_bars": percent("return a year, by bars"),
        "total_return": percent("return in all"),
        "volatility": percent("volatility a year"),
        "downside_risk": percent("downside risk a year"),
        "sharpe": Figure("Sharpe ratio"),
        "sharpe_per_bar": Figure("Sharpe ratio of one bar", 4),
        "sortino": Figure("Sortino ratio"),
        "calmar": Figure("Calmar ratio"),
        "max_drawdown": percent("largest fall"),
        "drawdown_peak": Figure("peak of the largest fall"),
        "drawdown_trough": Figure("trough of the largest fall"),
        "drawdown_recovery": Figure("recovery of the largest fall"),
        "value_at_risk_95": percent("value at risk, 95%", 2),
        "value_at_risk_99": percent("value at risk, 99%", 2),
        "expected_shortfall_95": percent("expected shortfall, 95%", 2),
        "expected_shortfall_99": percent("expected shortfall, 99%", 2),
        "worst_return": percent("worst bar", 2),
        "worst_session": Figure("session of the worst bar"),
        "skew": Figure("skewness"),
        "excess_kurtosis": Figure("excess kurtosis"),
        "start": Figure("from the close of"),
        "end": Figure("to the close of"),
        "n_returns": _count("returns"),
        "bars_per_year": Figure("bars a year"),
        "risk_free_annual": percent("risk-free rate a year", 2),
        "costs.share_of_initial_equity": percent("costs, of initial equity", 2),
        "costs.total": _count("costs, money"),
        "costs.commission": _count("  commission, money"),
        "costs.spread": _count("  half the spread, money"),
        "costs.impact": _count("  impact, money"),
        "costs.annual_turnover": Figure("turnover a year"),
        "costs.traded": _count("value traded, money"),
        "costs.stated_bps": Figure("stated one-way cost", 1, 1.0, " bp"),
        "costs.average_bps": Figure("average one-way cost", 1, 1.0, " bp"),
        "forecast.model": Figure("model of the forecasts"),
        "forecast.window": Figure("  return forecast"),
        "forecast.n": _count("  outcomes"),
        "forecast.nll": Figure("  negative log score", 4, 1.0, " nats"),
        "forecast.joint_nll": Figure("  joint, per observed asset", 4, 1.0, " nats"),
        "forecast.crps": Figure("  CRPS, of return", 2, 1e4, " bp"),
        "selection.n_trials": _count("trials of this hypothesis"),
        "selection.probabilistic_sharpe": percent("  probabilistic Sharpe ratio"),
        "selection.deflated_sharpe": percent("  deflated Sharpe ratio"),
        "selection.overfitting_probability": percent("  probability of overfitting"),
    }
)


def figure_named(key: str) -> Figure:
    """Return what a key stands for; a key without words of its own is shown as it is, with four decimals.

    Example:
        >>> figure_named("n_returns").words, figure_named("costs.of_late").words
        ('returns', 'costs.of_late')
    """
    return FIGURES.get(key, Figure(key, 4))
