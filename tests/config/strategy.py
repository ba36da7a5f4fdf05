"""The strategy that valid.yaml names: it never decides anything."""

from dataclasses import dataclass

from quantdl.backtest.running.view import MarketView


@dataclass(frozen=True)
class Strategy:
    level: float = 0.975
    turnover_penalty: float = 0.0
    benchmark: str = "SPY"
    members: tuple[str, ...] = ()

    def decide(self, view: MarketView) -> None:
        return None
