"""Every stage of a run that takes a while is told, from its beginning to its end."""

import pytest

from quantdl.config import load_config
from quantdl.experiment import carry_out
from quantdl.experiment.stages import step_of
from tests.small_experiment import small_config


def test_a_step_tells_its_stage_and_keeps_silent_without_one_to_tell():
    told = []
    step_of(lambda *what: told.append(what), "stress")(3, 14)
    step_of(None, "stress")(3, 14)
    assert told == [("stress", 3, 14)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    found: dict[str, list[tuple[int, int]]] = {}
    config = load_config(small_config(tmp_path_factory.mktemp("small")))
    carry_out(config, lambda stage, done, total: found.setdefault(stage, []).append((done, total)))
    return found


@pytest.mark.parametrize("stage", ["scores of the forecasts", "predicted losses of the book", "stress"])
def test_what_follows_the_backtest_is_told_step_by_step(told, stage):
    totals = {total for _, total in told[stage]}
    assert len(totals) == 1
    assert [done for done, _ in told[stage]] == [*range(1, totals.pop() + 1)]


def test_stages_begin_in_the_order_in_which_a_run_goes_through_them(told):
    last = ["backtest", "scores of the forecasts", "predicted losses of the book", "stress"]
    assert [*told][-4:] == last
