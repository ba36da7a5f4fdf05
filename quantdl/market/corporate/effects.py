"""What corporate actions do to one share, bar by bar: the one reading of them that adjustment and backtest share."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, Split
from quantdl.market.panel import Panel

Reinvested = Literal["previous_close", "ex_close"]


@dataclass(frozen=True)
class Payment:
    """Cash for each share held into an ex-date.

    Attributes:
        amount: Money for each share as it was before the effect's bar.
        pay_row: First bar on or after the pay date; the ex-date's bar where the pay date is not known. The number of
            bars of the panel where it lies beyond its end.
    """

    amount: float
    pay_row: int


@dataclass(frozen=True)
class Effect:
    """What happens to a share before the open of a bar: it pays, then it becomes ``ratio`` shares.

    Attributes:
        row: Bar: the first one on or after the ex-date.
        column: Asset.
        ex_date: The earliest ex-date that takes effect there.
        ratio: New shares for each old one.
        payments: Cash for each old share.
    """

    row: int
    column: int
    ex_date: date
    ratio: float
    payments: tuple[Payment, ...]

    @property
    def cash(self) -> float:
        """Money for each old share."""
        return sum(payment.amount for payment in self.payments)


@dataclass(frozen=True, eq=False)
class ShareScales:
    """What one share of the first bar has become. Causal: row t is the same for any panel that reaches to t.

    Attributes:
        shares: (T, A) by splits alone.
        growth: (T, A) by splits and reinvested dividends.
    """

    shares: np.ndarray
    growth: np.ndarray


def effects(panel: Panel) -> tuple[Effect, ...]:
    """Return what the panel's actions do to its shares, in order of bar and asset.

    Only what is not in the prices yet has an effect: splits and dividends where they are raw, dividends alone where
    they are adjusted for splits, nothing where they are total returns. An action whose ex-date is no session takes
    effect on the next one. One before the second bar changes nothing that the panel holds, and one after its end has
    not happened.
    """
    splits = panel.actions.splits if panel.card.declaration.adjustment == "raw" else ()
    dividends = panel.actions.dividends if panel.card.declaration.adjustment != "total_return" else ()
    column = {asset: position for position, asset in enumerate(panel.assets)}
    found: defaultdict[tuple[int, int], list[Split | CashDividend]] = defaultdict(list)
    items: tuple[Split | CashDividend, ...] = (*dividends, *splits)
    for item in items:  # dividends first: on one ex-date they are paid on the old shares
        row = _row(panel, item.ex_date)
        if item.asset in column and 0 < row < len(panel.sessions):
            found[row, column[item.asset]].append(item)
    return tuple(_effect(panel, *cell, found[cell]) for cell in sorted(found))


def share_scales(panel: Panel, reinvested: Reinvested = "previous_close") -> ShareScales:
    r"""Return what one share of the first bar has become, by the panel's actions.

    .. math:: S_t = \prod_{e \le t} r_e, \qquad G_t = \prod_{e \le t} \frac{r_e}{1 - D_e / P_e}
              \quad\text{or}\quad \prod_{e \le t} \Big(r_e + \frac{D_e}{Q_e}\Big)

    over the effects e of an asset, with r new shares for an old one, D cash for an old share, P the last close before
    the ex-date and Q the first close from it on. A dividend before the first trade of its asset has no price to act on
    and changes nothing.

    Args:
        panel: Prices and actions.
        reinvested: ``"previous_close"``: the dividend buys shares at P - D, so the factor is known before the open;
            Yahoo, CRSP's factor to adjust prices and Lean do so. ``"ex_close"``: it buys at Q, which makes a ratio of
            two closes CRSP's holding period return, (Q + D) / P for an unsplit share; Quandl does so. They differ by
            the dividend's yield times the return of the ex-date.

    Raises:
        DataError: If a dividend is not smaller than the last close before it; all of them are named.

    References:
        | CRSP Data Definitions: "Factor to Adjust Prices in Period", "Holding Period Total Return"
        | https://help.yahoo.com/kb/SLN28256.html: multiplier 1 - dividend / previous close
    """
    found = effects(panel)
    shares = np.ones(panel.status.shape)
    for effect in found:
        shares[effect.row, effect.column] = effect.ratio
    growth = _reinvested_before(panel, found)
    if reinvested == "ex_close":
        growth = _reinvested_after(panel, found, shares)
    return ShareScales(np.cumprod(shares, axis=0), np.cumprod(growth, axis=0))


def carried_closes(panel: Panel) -> np.ndarray:
    """Return (T, A) the last close so far in the units of each bar; NaN before the first.

    A close older than an ex-date is divided by the split and loses the dividend, so a halt over an ex-date neither
    makes nor loses wealth.

    Raises:
        DataError: If a dividend is not smaller than the last close before it.
    """
    if panel.traded.all() and not effects(panel):
        return panel.closes
    growth = share_scales(panel).growth if effects(panel) else np.ones((len(panel.sessions), 1))
    rows = np.arange(len(panel.sessions))[:, None]
    last = np.maximum.accumulate(np.where(panel.traded, rows, -1), axis=0)
    carried = np.take_along_axis(panel.closes * growth, np.maximum(last, 0), axis=0) / growth
    return np.where(panel.traded, panel.closes, np.where(last >= 0, carried, np.nan))


def _row(panel: Panel, day: date) -> int:
    return int(panel.sessions.searchsorted(np.datetime64(day), side="left"))


def _effect(panel: Panel, row: int, column: int, items: list[Split | CashDividend]) -> Effect:
    """Put what takes effect on one bar together, in order of ex-date."""
    ratio, payments = 1.0, []
    for item in sorted(items, key=lambda item: item.ex_date):
        if isinstance(item, Split):
            ratio *= item.ratio
        else:
            pay_row = row if item.pay_date is None else max(row, _row(panel, item.pay_date))
            payments.append(Payment(item.amount * ratio, pay_row))
    return Effect(row, column, min(item.ex_date for item in items), ratio, tuple(payments))


def _reinvested_before(panel: Panel, found: tuple[Effect, ...]) -> np.ndarray:
    """Return (T, A) the growth of a share at each bar when dividends buy at the close before; refuse what cannot be."""
    growth, closes = np.ones(panel.status.shape), panel.traded_closes
    problems = []
    for effect in found:
        growth[effect.row, effect.column] = effect.ratio
        last, price = _price_before(closes, growth, effect)
        if effect.cash >= price:
            problems.append(
                f"{panel.assets[effect.column]}: ex-date {effect.ex_date}, dividend {effect.cash:g}, last close before "
                f"it {price:g} on {panel.sessions[last]:%Y-%m-%d}."
            )
        elif effect.cash and not np.isnan(price):
            growth[effect.row, effect.column] /= 1.0 - effect.cash / price
    if problems:
        lines = "\n  ".join(problems)
        raise DataError(
            f"{panel.card.declaration.source}: "
            f"got dividends as large as the price; expected less than the last close before the "
            f"ex-date, in the units of the prices. Fix: correct the amount; an amount per unadjusted share does not "
            f"fit prices that are adjusted for splits, nor the other way round.\n  {lines}"
        )
    return growth


def _reinvested_after(panel: Panel, found: tuple[Effect, ...], shares: np.ndarray) -> np.ndarray:
    """Return (T, A) the growth of a share at each bar when dividends buy at the first close from the ex-date on."""
    bought, priced = np.ones(panel.status.shape), panel.traded_closes
    for effect in found:
        closes = priced[:, effect.column]
        later = np.flatnonzero(closes[effect.row :] > 0)
        if effect.cash and len(later) and (closes[: effect.row] > 0).any():
            first = effect.row + int(later[0])
            amount = effect.cash / shares[effect.row : first + 1, effect.column].prod()  # for a share as it is there
            bought[first, effect.column] += amount / closes[first]
    return shares * bought


def _price_before(priced: np.ndarray, growth: np.ndarray, effect: Effect) -> tuple[int, float]:
    """Return the bar of the last close before an effect, and that close in the units just before it; NaN if none."""
    closes = priced[: effect.row, effect.column]
    traded = np.flatnonzero(closes > 0)
    if not len(traded):
        return 0, float("nan")
    last = int(traded[-1])
    return last, float(closes[last] / growth[last + 1 : effect.row, effect.column].prod())
