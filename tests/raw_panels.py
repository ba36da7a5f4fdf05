"""Raw panels with corporate actions, for tests: a market as it was quoted, made of one without any."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np

from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Split
from quantdl.market.panel import Panel
from tests.backtest.worlds import world


def raw_world(
    closes,
    splits: Mapping[tuple[int, int], float] | None = None,
    dividends: Mapping[tuple[int, int], float] | None = None,
    pay_after: Mapping[tuple[int, int], int] | None = None,
    delistings: tuple[Delisting, ...] = (),
    fields: Mapping[str, np.ndarray] | None = None,
    halted: np.ndarray | None = None,
    ended: Mapping[str, date] | None = None,
) -> Panel:
    """A panel of raw closes (T, A) as they are given; actions by (row of the ex-date, column)."""
    panel = world(closes, fields=fields, halted=halted, ended=ended)
    pay_after = pay_after or {}

    def day(row: int) -> date:
        return panel.sessions[row].date()

    actions = CorporateActions(
        splits=tuple(Split(day(row), panel.assets[column], ratio) for (row, column), ratio in (splits or {}).items()),
        dividends=tuple(
            CashDividend(
                day(row),
                panel.assets[column],
                amount,
                day(row + pay_after[row, column]) if (row, column) in pay_after else None,
            )
            for (row, column), amount in (dividends or {}).items()
        ),
        delistings=delistings,
    )
    return replace(panel, card=panel.card.restated(adjustment="raw"), actions=actions)


def split_up(closes: np.ndarray, splits: Mapping[tuple[int, int], float]) -> np.ndarray:
    """The prices that a market without splits (T, A) shows when its shares are split."""
    shares = np.ones(np.shape(closes))
    for (row, column), ratio in splits.items():
        shares[row:, column] *= ratio
    return np.asarray(closes) / shares
