"""Planted leaks: every one is found, where it is, and with its reach where that is known."""

import pytest

from quantdl.audit import audit
from tests.leaks.planted import ANY, LEAKS

QUICK = (
    "negative shift, by 1",
    "longer bar dated by its start, last of 2",
    "close of the bar with an earlier fill, closes",
    "universe of survivors, last bar",
    "closure over the whole panel, 1 bars",
    "cache of a former pass, 1 bars",
    "a signal that fires once, before the largest fall",
    "length of the data, share of the way",
)


def test_there_are_as_many_leaks_and_families_as_promised():
    assert len(LEAKS) >= 60
    assert len({leak.family for leak in LEAKS}) >= 20
    assert len({str(leak) for leak in LEAKS}) == len(LEAKS)
    assert {str(leak) for leak in LEAKS} >= set(QUICK)


@pytest.mark.parametrize(
    "planted",
    [pytest.param(leak, marks=() if str(leak) in QUICK else pytest.mark.slow) for leak in LEAKS],
    ids=str,
)
def test_a_planted_leak_is_found_where_it_is(planted, tmp_path):
    report = audit(planted.make(tmp_path), cuts=None)
    assert report.verdict == "LEAK" and report.exit_code == 4, report
    (leak,) = [found for found in report.leaks if found.stage == planted.stage]
    if planted.nearest != ANY:
        assert leak.bars_ahead == planted.nearest, leak.sentence()
    if planted.furthest != ANY:
        assert leak.furthest == planted.furthest, leak.sentence()
