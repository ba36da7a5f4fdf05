"""What happens to a listing rather than to a price: first and last sessions, halts and splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantdl.errors import ConfigError


@dataclass(frozen=True)
class Halts:
    """Trading stops for some sessions.

    Attributes:
        probability: That a session begins a halt of an asset that traded before it.
        mean_sessions: Expected length of a halt, at least 1; lengths are geometric.

    Raises:
        ConfigError: If a parameter is out of its range.
    """

    probability: float
    mean_sessions: float = 3.0

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        if not (0 <= self.probability < 1 and self.mean_sessions >= 1):
            raise ConfigError(
                "Halts: probability must lie from 0 to below 1 and mean_sessions must be at least 1, got "
                f"{self.probability} and {self.mean_sessions}."
            )


@dataclass(frozen=True)
class Listings:
    """Some assets are listed late.

    Attributes:
        share: Expected share of the assets that are not listed in the first session.
        latest: Their first sessions are spread evenly over sessions 1 to ``latest``, counted from 0.

    Raises:
        ConfigError: If a parameter is out of its range.
    """

    share: float
    latest: int

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        if not (0 <= self.share <= 1 and self.latest >= 1):
            raise ConfigError(
                f"Listings: share must lie from 0 to 1 and latest must be at least 1, got {self.share}, {self.latest}."
            )


@dataclass(frozen=True)
class Delistings:
    """Some assets leave for good.

    Attributes:
        probability: That a session is an asset's last, from the one after its first.
        terminal_fraction: What a share is worth afterwards, as a fraction of its last close; None if unknown.

    Raises:
        ConfigError: If a parameter is out of its range.
    """

    probability: float
    terminal_fraction: float | None = None

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        fraction = 0.0 if self.terminal_fraction is None else self.terminal_fraction
        if not (0 <= self.probability < 1 and np.isfinite(fraction) and fraction >= 0):
            raise ConfigError(
                "Delistings: probability must lie from 0 to below 1 and terminal_fraction must not be negative, got "
                f"{self.probability} and {self.terminal_fraction}."
            )


@dataclass(frozen=True)
class Splits:
    """New shares for old ones; the raw price falls by the ratio, the value of a holding does not.

    Attributes:
        probability: That a session in which an asset trades is an ex-date.
        ratios: New shares for one old, drawn with equal probability: 2.0 for two-for-one, 0.1 for a reverse split.

    Raises:
        ConfigError: If a parameter is out of its range.
    """

    probability: float
    ratios: tuple[float, ...] = (2.0, 3.0, 1.5, 0.1)

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        valid = bool(self.ratios) and all(np.isfinite(ratio) and ratio > 0 for ratio in self.ratios)
        if not (0 <= self.probability < 1 and valid):
            raise ConfigError(
                "Splits: probability must lie from 0 to below 1 and ratios must be positive, got "
                f"{self.probability} and {self.ratios}."
            )


@dataclass(frozen=True, eq=False)
class Trading:
    """When each asset trades.

    Attributes:
        first: (A,) session of the first price, counted from 0.
        last: (A,) last session of the listing; T or more where the listing outlives the simulation.
        halted: (T, A) bool, within the listing.
        ratios: (T, A) new shares for each old one from this session on; 1 where nothing is split.
    """

    first: np.ndarray
    last: np.ndarray
    halted: np.ndarray
    ratios: np.ndarray

    @property
    def traded(self) -> np.ndarray:
        """(T, A) bool: sessions with a price."""
        session = np.arange(len(self.halted))[:, None]
        return np.asarray((session >= self.first) & (session <= self.last) & ~self.halted)

    @property
    def returning(self) -> np.ndarray:
        """(T, A) bool: sessions with a return, which are all with a price but the first."""
        return np.asarray(self.traded & (np.arange(len(self.halted))[:, None] > self.first))


def draw_trading(
    n_sessions: int,
    n_assets: int,
    halts: Halts | None,
    listings: Listings | None,
    delistings: Delistings | None,
    splits: Splits | None,
    generators: Sequence[np.random.Generator],
) -> Trading:
    """Draw when each asset trades; a longer simulation begins with the shorter one.

    Args:
        n_sessions: ``T``.
        n_assets: ``A``.
        halts: None for none.
        listings: None for none.
        delistings: None for none.
        splits: None for none.
        generators: Of listings, delistings, halts and splits, in that order; each part uses its own.
    """
    shape = n_sessions, n_assets
    session = np.arange(n_sessions)[:, None]
    first = np.zeros(n_assets, dtype=np.int64)
    if listings is not None:
        late = generators[0].random(n_assets) < listings.share
        first = np.where(late, generators[0].integers(1, listings.latest + 1, n_assets), 0)
    last = np.full(n_assets, n_sessions)
    if delistings is not None:
        ends = (generators[1].random(shape) < delistings.probability) & (session > first)
        last = np.where(ends.any(axis=0), ends.argmax(axis=0), n_sessions)
    halted = np.zeros(shape, dtype=bool)
    if halts is not None:
        halted = _halted(halts, generators[2].random(shape), first, last)
    ratios = np.ones(shape)
    if splits is not None:
        draws = generators[3].random((*shape, 2))
        chosen = np.array(splits.ratios)[(draws[..., 1] * len(splits.ratios)).astype(np.int64)]
        trades = (session > first) & (session <= last) & ~halted
        ratios = np.where(trades & (draws[..., 0] < splits.probability), chosen, 1.0)
    return Trading(first, last, halted, ratios)


def _halted(halts: Halts, draws: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Halts begin and end by chance after an asset's first session, and end with its listing."""
    halted = np.zeros(draws.shape, dtype=bool)
    for session in range(1, len(draws)):
        goes_on = 1.0 - 1.0 / halts.mean_sessions
        chance = np.where(halted[session - 1], goes_on, halts.probability)
        halted[session] = (draws[session] < chance) & (first < session) & (session <= last)
    return halted
