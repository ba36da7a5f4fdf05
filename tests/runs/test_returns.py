"""Returns of trials beside the ledger: kept once, found by their hash, compared over the bars that a trial has."""

import numpy as np
import pytest

from quantdl.errors import IntegrityError
from quantdl.runs import Entry, Ledger, PeriodSharpe
from quantdl.runs.ledger import LEDGER
from quantdl.runs.returns import (
    returns_folder,
    returns_problems,
    store_returns,
    stored_returns,
    synchronous_returns,
)

FIGURES = PeriodSharpe(sharpe=0.05, n_observations=1000, skewness=-0.3, kurtosis=5.5)
BARS = np.arange("2024-01-01", "2024-01-09", dtype="datetime64[D]")
RETURNS = np.random.default_rng(0).standard_normal((8, 3))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / LEDGER)


def recorded(ledger, name, column):
    return ledger.append(Entry(name, "d", "run", FIGURES, returns=column))


def test_returns_are_read_as_they_were_kept(ledger):
    columns = store_returns(ledger, BARS, RETURNS)
    assert [column.column for column in columns] == [0, 1, 2]
    bars, returns = stored_returns(ledger, columns[0].sha256)
    assert (bars == BARS).all() and returns.tobytes() == RETURNS.tobytes()


def test_bars_within_a_day_keep_their_nanoseconds(ledger):
    bars = np.array(["2024-01-02T14:30:00.000000001", "2024-01-02T14:30:00.000000002"], "datetime64[ns]")
    (column,) = store_returns(ledger, bars, RETURNS[:2, :1])
    assert (stored_returns(ledger, column.sha256)[0] == bars).all()


def test_the_same_returns_are_kept_once(ledger):
    assert store_returns(ledger, BARS, RETURNS) == store_returns(ledger, BARS, RETURNS)
    assert len(list(returns_folder(ledger).iterdir())) == 1


@pytest.mark.parametrize(
    ("bars", "returns", "message"),
    [
        (BARS[::-1], RETURNS, "expected increasing bars"),
        (BARS[[0, 0, 1, 2, 3, 4, 5, 6]], RETURNS, "expected increasing bars"),
        (BARS[:7], RETURNS, "expected increasing bars"),
        (BARS, RETURNS[:, 0], "expected increasing bars"),
        (BARS, np.where(RETURNS > 1, np.inf, RETURNS), "must be finite"),
        (BARS, RETURNS * np.nan, "must be finite"),
    ],
)
def test_returns_that_cannot_be_compared_are_refused(ledger, bars, returns, message):
    with pytest.raises(ValueError, match=message):
        store_returns(ledger, bars, returns)
    assert not returns_folder(ledger).exists()


def test_a_damaged_file_is_never_handed_out_and_is_mended_by_keeping_the_returns_again(ledger):
    (column,) = store_returns(ledger, BARS, RETURNS[:, :1])
    trial = recorded(ledger, "t", column)
    (path,) = returns_folder(ledger).iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    with pytest.raises(IntegrityError, match="not the returns that were written"):
        stored_returns(ledger, column.sha256)
    assert returns_problems(ledger, [trial])[0].startswith(str(path))
    assert synchronous_returns(ledger, trial, [trial]) == {}
    store_returns(ledger, BARS, RETURNS[:, :1])
    assert path.read_bytes() == whole and returns_problems(ledger, [trial]) == ()


def test_returns_are_compared_over_the_bars_of_the_trial_that_is_judged(ledger):
    """One has more bars and is cut to them; one lacks a bar and is left out; so is one without returns."""
    own = recorded(ledger, "own", store_returns(ledger, BARS[2:6], RETURNS[2:6, :1])[0])
    longer = recorded(ledger, "longer", store_returns(ledger, BARS, RETURNS[:, 1:])[1])
    lacking = recorded(ledger, "lacking", store_returns(ledger, BARS[[2, 3, 5, 6]], RETURNS[:4, :1])[0])
    without = recorded(ledger, "without", None)
    found = synchronous_returns(ledger, own, [longer, lacking, without, own])
    assert sorted(found) == ["longer", "own"]
    assert (found["own"] == RETURNS[2:6, 0]).all()
    assert (found["longer"] == RETURNS[2:6, 2]).all()
    assert synchronous_returns(ledger, without, [own, longer]) == {}


def test_a_sweep_of_many_sets_is_one_file(ledger):
    returns = np.random.default_rng(1).standard_normal((50, 400))
    bars = np.datetime64("2024-01-01") + np.arange(50)
    columns = store_returns(ledger, bars, returns)
    trials = ledger.append_all(Entry(f"set-{c.column}", "d", "sweep", FIGURES, returns=c) for c in columns)
    found = synchronous_returns(ledger, trials[7], trials)
    assert len(list(returns_folder(ledger).iterdir())) == 1
    assert all((found[f"set-{n}"] == returns[:, n]).all() for n in range(400))
