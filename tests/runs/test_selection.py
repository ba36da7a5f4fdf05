"""Selection bias: the published examples, simulation, and strategies that are known to be good or worthless."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from quantdl.records import to_plain
from quantdl.runs import selection
from quantdl.runs.ledger import PeriodSharpe, Trial
from quantdl.runs.selection import (
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    minimum_track_record,
    overfitting_probability,
    probabilistic_sharpe,
    selection_report,
)

# Bailey and Lopez de Prado (2014): annual Sharpe ratio 2.5 over five years of 250 days, variance 1/2 of annual ratios.
PAPER = PeriodSharpe(sharpe=2.5 / math.sqrt(250), n_observations=1250, skewness=-3.0, kurtosis=10.0)
VARIANCE = 0.5 / 250


def record(sequence, trial, sharpe, data="sha256:data", reason=""):
    figures = None if sharpe is None else PeriodSharpe(sharpe, 1000, 0.0, 3.0)
    return Trial(sequence, trial, data, "01HF7YAT000000000000000000", "2024-01-01T00:00:00+00:00", figures, reason)


def test_the_deflated_sharpe_ratio_of_the_paper():
    assert expected_maximum_sharpe(100, VARIANCE) == pytest.approx(0.113172, abs=5e-7)
    assert deflated_sharpe(PAPER, 100, VARIANCE) == pytest.approx(0.900397, abs=5e-7)
    assert deflated_sharpe(PAPER, 46, VARIANCE) == pytest.approx(0.950502, abs=5e-7)


def test_normal_returns_allow_more_trials():
    normal = PeriodSharpe(PAPER.sharpe, PAPER.n_observations, 0.0, 3.0)
    assert deflated_sharpe(normal, 88, VARIANCE) == pytest.approx(0.950491, abs=5e-7)


def test_the_hedge_fund_of_the_paper():
    fund = PeriodSharpe(0.036 / 0.079, 24, -2.448, 10.164)
    assert probabilistic_sharpe(fund) == pytest.approx(0.912709, abs=5e-7)
    assert probabilistic_sharpe(PeriodSharpe(fund.sharpe, 24, 0.0, 3.0)) == pytest.approx(0.981243, abs=5e-7)


def test_the_ceiling_is_what_the_best_of_worthless_strategies_shows():
    best = np.random.default_rng(0).standard_normal((20_000, 50)).max(axis=1)
    assert expected_maximum_sharpe(50, 1.0) == pytest.approx(best.mean(), rel=0.02)


def test_one_trial_has_nothing_to_deflate():
    assert expected_maximum_sharpe(1, 0.5) == 0.0
    assert deflated_sharpe(PAPER, 1, 0.5) == probabilistic_sharpe(PAPER)


def test_the_ceiling_rises_with_trials_and_their_spread():
    ceilings = [expected_maximum_sharpe(n, 1.0) for n in (1, 1.2, 2, 3, 10, 1000)]
    assert ceilings == sorted(ceilings)
    assert expected_maximum_sharpe(10, 4.0) == pytest.approx(2 * expected_maximum_sharpe(10, 1.0))


@pytest.mark.parametrize(
    ("n", "variance"), [(0, 1.0), (0.5, 1.0), (math.nan, 1.0), (10, -0.1), (10, math.nan), (math.inf, 1)]
)
def test_impossible_counts_and_variances_are_refused(n, variance):
    with pytest.raises(ValueError, match="expected n_trials >= 1"):
        expected_maximum_sharpe(n, variance)


def test_effective_trials_lie_between_one_and_all():
    noise = np.random.default_rng(1).standard_normal((20_000, 11))
    assert effective_trials(noise[:, :10]) == pytest.approx(10, abs=0.2)
    assert effective_trials(np.repeat(noise[:, :1], 10, axis=1)) == 1.0
    half = noise[:, :10] + noise[:, 10:]  # correlation 1/2: 1/2 + 10 / 2
    assert effective_trials(half) == pytest.approx(5.5, abs=0.2)
    assert effective_trials(np.ones((10, 3))) == 3.0
    assert effective_trials(noise[:, :1]) == 1.0


def test_choosing_among_noise_is_overfitting_half_of_the_time():
    rng = np.random.default_rng(2)
    chances = [overfitting_probability(rng.standard_normal((512, 20)), n_blocks=10) for _ in range(40)]
    assert np.mean(chances) == pytest.approx(0.5, abs=0.06)


def test_a_strategy_that_is_truly_better_is_not_overfitted():
    returns = np.random.default_rng(3).standard_normal((1000, 20))
    returns[:, 7] += 0.3
    assert overfitting_probability(returns) < 0.01


def test_a_strategy_that_pays_in_one_half_only_is_overfitted():
    """Each trial earns in its own block and loses it elsewhere, so the best inside is the worst outside."""
    returns = np.random.default_rng(4).standard_normal((800, 8)) * 0.1
    for trial in range(8):
        returns[trial * 100 : (trial + 1) * 100, trial] += 1.0
    assert overfitting_probability(returns - returns.mean(0), n_blocks=8) > 0.9


def test_overfitting_by_hand():
    """Two blocks, two trials: the winner of each half loses the other, so every choice is below the median."""
    first, second = [1.0, 1.1, -1.0, -1.1], [-1.0, -1.1, 1.0, 1.1]
    assert overfitting_probability(np.array([first, second]).T, n_blocks=2) == 1.0
    better, worse = [1.0, 1.1, 1.0, 1.1], [-1.0, -1.1, -1.0, -1.1]
    assert overfitting_probability(np.array([better, worse]).T, n_blocks=2) == 0.0
    assert overfitting_probability(np.array([first, first]).T, n_blocks=2) == 0.5


def test_a_trial_that_never_traded_ranks_as_zero():
    rng = np.random.default_rng(5)
    returns = np.column_stack([rng.standard_normal(400) - 1, np.zeros(400), rng.standard_normal(400) - 1])
    assert overfitting_probability(returns, n_blocks=8) == 0.0


@pytest.mark.parametrize(
    ("shape", "blocks"), [((100, 1), 4), ((100, 3), 5), ((100, 3), 0), ((7, 3), 4), ((100, 3), 100)]
)
def test_too_little_to_cross_validate_is_refused(shape, blocks):
    with pytest.raises(ValueError, match="needs 2 trials, an even n_blocks and 2 bars a block"):
        overfitting_probability(np.zeros(shape), blocks)


def test_returns_with_gaps_are_refused():
    with pytest.raises(ValueError, match="returns must be finite"):
        overfitting_probability(np.full((100, 3), math.nan))


def test_many_trials_at_once_are_judged_as_in_one_piece(monkeypatch):
    returns = np.random.default_rng(7).standard_normal((200, 12))
    whole = overfitting_probability(returns, n_blocks=10)
    monkeypatch.setattr(selection, "_SPLITS_AT_ONCE", 7)
    assert overfitting_probability(returns, n_blocks=10) == whole


def test_the_minimum_track_records_of_the_paper():
    """An annual Sharpe ratio of 2 is above 1 at 95 %: 2.73 years of days, 2.83 of weeks, 3.24 of months if normal."""
    for bars, years in ((250, 2.73), (52, 2.83), (12, 3.24)):
        estimate = PeriodSharpe(2 / math.sqrt(bars), bars, 0.0, 3.0)
        assert minimum_track_record(estimate, 1 / math.sqrt(bars)) / bars == pytest.approx(years, abs=0.006)


def test_a_track_record_of_the_minimum_length_is_just_significant():
    fund = PeriodSharpe(0.036 / 0.079, 24, -2.448, 10.164)
    needed = minimum_track_record(fund)
    assert needed > 24  # 24 months give .9127 only
    long = replace(fund, n_observations=round(needed * 1000))
    assert probabilistic_sharpe(replace(long, n_observations=math.ceil(needed))) >= 0.95
    assert probabilistic_sharpe(replace(long, n_observations=math.floor(needed))) < 0.95


@pytest.mark.parametrize(("benchmark", "confidence"), [(0.05, 0.95), (0.06, 0.95), (0.0, 0.5), (0.0, 1.0)])
def test_no_length_makes_a_ratio_significant_that_is_not_above(benchmark, confidence):
    with pytest.raises(ValueError, match="expected a Sharpe ratio above"):
        minimum_track_record(PeriodSharpe(0.05, 100, 0.0, 3.0), benchmark, confidence)


def test_the_report_counts_distinct_trials_on_the_same_data():
    records = [
        record(1, "a", 0.02),
        record(2, "b", 0.06),
        record(3, "b", 0.06),
        record(4, "c", 0.09, data="sha256:other"),
        record(5, "d", 0.04),
    ]
    report = selection_report(records, records[2])
    spread = np.var([0.02, 0.06, 0.04], ddof=1)
    assert (report.n_records, report.n_trials, report.n_trials_on_data, report.effective_trials) == (4, 3, 3, 3.0)
    assert (report.sharpe, report.n_observations, report.n_with_returns) == (0.06, 1000, 0)
    assert report.sharpe_variance == pytest.approx(spread)
    assert report.expected_maximum_sharpe == expected_maximum_sharpe(3, report.sharpe_variance)
    assert report.probabilistic_sharpe == probabilistic_sharpe(records[1].figures)
    assert report.minimum_track_record == math.ceil(minimum_track_record(records[1].figures))
    expected = deflated_sharpe(records[1].figures, 3, report.sharpe_variance)
    assert report.deflated_sharpe == report.deflated_sharpe_raw == report.deflated_sharpe_on_data == expected
    assert report.overfitting_probability is None
    reason = "needs at least 10 trials, there are 3, of which 0 have returns over these bars at hand"
    assert report.undefined == {"overfitting_probability": reason}


def test_the_variance_is_that_of_one_idea_and_all_ideas_are_counted_beside_it():
    """Another wording of the hypothesis begins no new count."""
    ideas = {"a": "x", "b": "x", "c": "y", "d": "z"}
    sharpes = {"a": 0.02, "b": 0.06, "c": -0.05, "d": 0.09}
    records = [replace(record(n, name, sharpes[name]), idea=idea) for n, (name, idea) in enumerate(ideas.items(), 1)]
    own = records[1]
    report = selection_report(records, own)
    assert (report.n_trials, report.n_trials_on_data) == (2, 4)
    assert report.sharpe_variance == pytest.approx(np.var([0.02, 0.06], ddof=1))
    everything = float(np.var([*sharpes.values()], ddof=1))
    assert report.deflated_sharpe_on_data == pytest.approx(deflated_sharpe(own.figures, 4, everything))
    assert report.deflated_sharpe_on_data < report.deflated_sharpe < report.probabilistic_sharpe
    alone = selection_report(records, records[3])
    assert alone.deflated_sharpe == alone.probabilistic_sharpe > alone.deflated_sharpe_on_data


def test_a_first_trial_is_judged_without_deflation():
    first = record(1, "a", 0.05)
    report = selection_report([first], first)
    assert report.deflated_sharpe == report.probabilistic_sharpe
    assert report.n_trials == 1


def test_figures_that_do_not_exist_come_with_reasons():
    records = [record(1, "a", None, reason="zero variance"), record(2, "b", 0.05), record(3, "c", -0.05, "sha256:2")]
    for own in records:
        rendered = to_plain(selection_report(records, own))
        missing = {name for name, value in rendered.items() if value is None}
        assert missing == set(rendered["undefined"])
        assert all(rendered["undefined"].values())
        json.dumps(rendered, allow_nan=False)
    assert selection_report(records, records[0]).undefined["sharpe"] == "zero variance"
    assert "of 2 trials 1 has one" in selection_report(records, records[1]).undefined["deflated_sharpe"]
    assert "not above zero" in selection_report(records, records[2]).undefined["minimum_track_record"]


def test_ten_trials_with_their_returns_get_an_overfitting_probability():
    returns = np.random.default_rng(6).standard_normal((400, 10))
    records = [record(i + 1, f"t{i}", float(returns[:, i].mean())) for i in range(10)]
    columns = {f"t{i}": returns[:, i] for i in range(10)}
    report = selection_report(records, records[3], columns)
    assert report.overfitting_probability == overfitting_probability(returns)
    assert report.effective_trials == pytest.approx(effective_trials(returns))
    assert report.n_with_returns == 10
    assert set(report.undefined) <= {"minimum_track_record"}
    short = selection_report(records, records[3], {name: column[:31] for name, column in columns.items()})
    assert short.undefined["overfitting_probability"] == "needs at least 32 bars, there are 31"


def test_a_trial_whose_returns_are_not_at_hand_counts_as_independent():
    wave = np.random.default_rng(8).standard_normal(400)
    records = [record(i + 1, f"t{i}", 0.01 * i) for i in range(12)]
    report = selection_report(records, records[3], {f"t{i}": wave for i in range(10)})  # ten of them are the same
    assert (report.n_trials, report.n_with_returns, report.effective_trials) == (12, 10, 3.0)
    assert report.deflated_sharpe > report.deflated_sharpe_raw
    assert report.overfitting_probability == 0.5  # of ten that are the same, any choice ranks in the middle


def test_a_trial_that_was_not_recorded_is_refused():
    with pytest.raises(ValueError, match="trial x is not in the ledger"):
        selection_report([record(1, "a", 0.05)], record(2, "x", 0.05))


def test_the_deflated_ratio_says_of_worthless_strategies_that_they_are_above_zero_no_more_often_than_it_claims():
    """The best of 20 strategies without any edge, a thousand times: above .95 in about 5 %, where one in two passes
    the probabilistic one."""
    rng = np.random.default_rng(9)
    passed = {"deflated_sharpe": 0, "probabilistic_sharpe": 0}
    for _ in range(300):
        returns = rng.standard_normal((250, 20))
        sharpes = returns.mean(0) / returns.std(0, ddof=1)
        records = [
            replace(record(i + 1, f"t{i}", float(s)), figures=PeriodSharpe(float(s), 250, 0.0, 3.0))
            for i, s in enumerate(sharpes)
        ]
        report = selection_report(records, records[int(sharpes.argmax())])
        for name in passed:
            passed[name] += getattr(report, name) > 0.95
    assert passed["deflated_sharpe"] / 300 < 0.1
    assert passed["probabilistic_sharpe"] / 300 == pytest.approx(1 - 0.95**20, abs=0.1)
