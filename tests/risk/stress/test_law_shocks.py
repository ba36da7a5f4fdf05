"""Shocks of volatility and correlation: closed forms of normal laws, and what stays as it was."""

import pytest
import torch
from scipy import stats

from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.law_shocks import normal_scores, with_correlation, with_volatility
from tests.risk.stress.known_laws import NORMAL, correlation, law

NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE")
SOME = torch.tensor([True, True, True, False, False])


def drawn(degrees=NORMAL, n=40_000):
    return Scenarios.of_law(law(5, degrees), NAMES, 1, n, 1)


def logs(scenarios):
    return torch.log1p(scenarios.returns)


def test_volatility_is_multiplied_and_means_and_correlations_stay():
    plain, wide = logs(drawn()), logs(with_volatility(drawn(), 2.5))
    torch.testing.assert_close(wide.std(0), 2.5 * plain.std(0))
    torch.testing.assert_close(wide.mean(0), plain.mean(0))
    torch.testing.assert_close(torch.corrcoef(wide.T), torch.corrcoef(plain.T))


def test_volatility_of_some_assets_leaves_the_others():
    changed = with_volatility(drawn(), 3.0, SOME)
    assert torch.equal(changed.returns[:, 3:], drawn().returns[:, 3:])
    torch.testing.assert_close(logs(changed).std(0)[:3], 3.0 * logs(drawn()).std(0)[:3])


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_correlations_of_a_normal_law_move_by_the_share_towards_one(share):
    moved = torch.corrcoef(logs(with_correlation(drawn(), share, 2)).T)
    expected = (1 - share) * correlation(5) + share
    assert (moved - expected).abs().max() < 0.02


@pytest.mark.parametrize("degrees", [NORMAL, 4.0])
def test_each_asset_keeps_its_own_returns_exactly(degrees):
    plain, moved = drawn(degrees), with_correlation(drawn(degrees), 0.5, 2)
    assert torch.equal(plain.returns.sort(0).values, moved.returns.sort(0).values)


def test_the_whole_way_to_one_makes_all_assets_fall_together():
    moved = with_correlation(drawn(), 1.0, 2).returns
    order = moved.argsort(0)
    assert bool((order == order[:, :1]).all())


def test_no_way_changes_nothing():
    assert with_correlation(drawn(), 0.0, 2) is not None
    assert torch.equal(with_correlation(drawn(), 0.0, 2).returns, drawn().returns)


def test_correlations_within_a_group_move_and_fade_against_the_others():
    moved = torch.corrcoef(logs(with_correlation(drawn(), 0.5, 2, SOME)).T)
    before = correlation(5)
    assert (moved[:3, :3] - (0.5 * before[:3, :3] + 0.5)).abs().max() < 0.02
    assert (moved[:3, 3:] - 0.5**0.5 * before[:3, 3:]).abs().max() < 0.02
    assert (moved[3:, 3:] - before[3:, 3:]).abs().max() < 0.02


def test_common_large_moves_stay_common_where_the_law_has_them():
    """A common variable of ordinary size would dilute them: both far tails at once would be rarer than before."""

    def together(scenarios):
        tails = scenarios.returns < scenarios.returns.quantile(0.005, dim=0)
        return float((tails[:, 0] & tails[:, 1]).double().mean())

    assert together(with_correlation(drawn(4.0), 0.5, 2)) > 1.2 * together(drawn(4.0))


def test_scores_are_normal_quantiles_of_ranks():
    values = torch.tensor([[3.0], [1.0], [2.0]], dtype=torch.float64)
    expected = stats.norm.ppf([5 / 6, 1 / 6, 3 / 6])
    assert normal_scores(values)[:, 0].tolist() == pytest.approx(expected.tolist())


def test_unequal_probabilities_and_wrong_shares_are_refused():
    shares = torch.full((100,), 0.01, dtype=torch.float64)
    unequal = Scenarios(NAMES, drawn(n=100).returns, 1, shares)
    with pytest.raises(ValueError, match="equally likely"):
        with_correlation(unequal, 0.5, 1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        with_correlation(drawn(n=100), 1.5, 1)
    with pytest.raises(ValueError, match="positive"):
        with_volatility(drawn(n=100), 0.0)
