"""Tests of when assets trade: frequencies as described, and descriptions that mean nothing refused."""

import numpy as np
import pytest

from quantdl.errors import ConfigError
from quantdl.simulation import Delistings, Halts, Listings, Splits
from quantdl.simulation.trading import Trading, draw_trading


def drawn(n_sessions=1000, n_assets=100, halts=None, listings=None, delistings=None, splits=None, seed=0) -> Trading:
    generators = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)]
    return draw_trading(n_sessions, n_assets, halts, listings, delistings, splits, generators)


def test_without_events_every_asset_trades_always():
    trading = drawn()
    assert trading.traded.all()
    assert trading.returning.sum() == 999 * 100  # no return in the first session
    assert (trading.ratios == 1).all()


def test_halts_begin_and_last_as_described():
    halted = drawn(4000, halts=Halts(0.01, 4.0)).halted
    begins = halted[1:] & ~halted[:-1]
    assert begins.sum() / (~halted[:-1]).sum() == pytest.approx(0.01, rel=0.1)
    assert halted.sum() / begins.sum() == pytest.approx(4.0, rel=0.1)


def test_late_listings_are_spread_evenly():
    first = drawn(n_assets=5000, listings=Listings(0.3, latest=400)).first
    late = first[first > 0]
    assert len(late) / 5000 == pytest.approx(0.3, abs=0.03)
    assert late.min() >= 1 and late.max() <= 400
    assert late.mean() == pytest.approx(200.5, abs=15)


def test_delistings_come_at_their_rate_and_never_before_the_second_session():
    trading = drawn(1000, 3000, listings=Listings(0.5, 500), delistings=Delistings(0.002))
    lives = 1000 - trading.first
    survived = (1 - 0.002) ** (lives - 1)
    assert np.mean(trading.last >= 1000) == pytest.approx(survived.mean(), abs=0.03)
    assert (trading.last > trading.first).all()


def test_splits_come_at_their_rate_in_equal_parts():
    ratios = drawn(2000, splits=Splits(0.005, (2.0, 0.1))).ratios
    assert np.mean(ratios != 1) == pytest.approx(0.005, rel=0.1)
    assert np.mean(ratios[ratios != 1] == 2.0) == pytest.approx(0.5, abs=0.05)
    assert (ratios[0] == 1).all()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Halts(1.0),
        lambda: Halts(-0.1),
        lambda: Halts(0.1, 0.5),
        lambda: Halts(float("nan")),
        lambda: Listings(1.5, 10),
        lambda: Listings(0.5, 0),
        lambda: Delistings(1.0),
        lambda: Delistings(0.1, -0.5),
        lambda: Delistings(0.1, float("inf")),
        lambda: Splits(0.1, ()),
        lambda: Splits(0.1, (0.0,)),
        lambda: Splits(2.0),
    ],
)
def test_what_means_nothing_is_refused(build):
    with pytest.raises(ConfigError, match="must"):
        build()
