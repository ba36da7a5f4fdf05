"""Who holds what of one book: the shares of several strategies that trade through one account.

The account sends one order for each asset, for the sum of what the strategies ask for. Who bought what is worked out
from what the account holds after each session, so it can be done again by whoever knows what was asked for:

* What one asks to buy and another asks to sell changes hands between the two in the first session in which the asset
  trades, whatever the account itself trades.
* What the account trades of the rest is shared in proportion to what is asked for and not filled yet.
* What none has asked for, such as the exits of the plan, payouts, and the few shares that are sold for costs, is shared
  in proportion to what is held, on the side that it reduces.
* Splits change the shares of all alike.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Moved:
    """What a session changed.

    Attributes:
        bought: (N, A) shares that each strategy got, negative where it gave some; those of splits are left out.
        crossed: (N, A) the part of them that changed hands between strategies.
    """

    bought: np.ndarray
    crossed: np.ndarray


class VirtualBooks:
    """The shares of N strategies in A assets. Their sum is what the account holds.

    Attributes:
        held: (N, A) shares, negative when sold short.
        waiting: (N, A) shares asked for and not filled yet.
        units: (A,) what one share of the data's first bar has become by splits, as of the last session.
    """

    def __init__(self, strategies: int, assets: int) -> None:
        """Begin with nothing held."""
        self.held = np.zeros((strategies, assets))
        self.waiting = np.zeros((strategies, assets))
        self.fresh = np.zeros(assets, dtype=bool)
        self.units: np.ndarray | None = None

    def ask(self, changes: np.ndarray) -> None:
        """Take (N, A) shares that are asked for, in place of what waits."""
        self.waiting = np.array(changes, dtype=np.float64)
        self.fresh = np.ones(changes.shape[1], dtype=bool)

    def advance(self, shares: np.ndarray, units: np.ndarray, traded: np.ndarray) -> Moved:
        """Share out what a session, or several without a new decision, changed.

        Args:
            shares: (A,) shares that the account holds now.
            units: (A,) what one share of the data's first bar has become by splits.
            traded: (A,) whether the asset has traded since.
        """
        if self.units is not None and (units != self.units).any():
            ratio = units / self.units
            self.held, self.waiting = self.held * ratio, self.waiting * ratio
        self.units = np.array(units, dtype=np.float64)
        crossed = self._cross(traded)
        bought = crossed + self._fill(shares - self.held.sum(axis=0))
        return Moved(bought, crossed)

    def _cross(self, traded: np.ndarray) -> np.ndarray:
        """Settle between strategies what they ask for in opposite directions."""
        meets = self.fresh & traded
        self.fresh &= ~traded
        buys, sells = np.maximum(self.waiting, 0.0), np.maximum(-self.waiting, 0.0)
        bought, sold = buys.sum(axis=0), sells.sum(axis=0)
        both = np.where(meets, np.minimum(bought, sold), 0.0)
        crossed = np.asarray(buys * _over(both, bought) - sells * _over(both, sold))
        self.held, self.waiting = self.held + crossed, self.waiting - crossed
        return crossed

    def _fill(self, filled: np.ndarray) -> np.ndarray:
        """Share out what the account traded."""
        asked = self.waiting.sum(axis=0)
        part = np.clip(_over(filled, asked), 0.0, 1.0)
        bought = self.waiting * part
        rest, after = filled - bought.sum(axis=0), self.held + bought
        reduced = np.where(after * rest < 0, np.abs(after), 0.0)
        bought = bought + rest * _first_shares(reduced, np.abs(self.waiting), np.abs(self.held))
        self.held, self.waiting = self.held + bought, self.waiting * (1.0 - part)
        return np.asarray(bought)


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient, 0 where there is nothing to divide by."""
    return np.asarray(np.where(denominator != 0, numerator / np.where(denominator != 0, denominator, 1.0), 0.0))


def _first_shares(*keys: np.ndarray) -> np.ndarray:
    """Return (N, A) the share of each strategy by the first key that is not zero throughout, alike where all are."""
    shares = np.full(keys[0].shape, 1.0 / len(keys[0]))
    for key in reversed(keys):
        total = key.sum(axis=0)
        shares = np.where(total > 0, key / np.where(total > 0, total, 1.0), shares)
    return shares
