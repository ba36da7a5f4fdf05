"""How far long work is."""

import pytest

from quantdl.errors import ConfigError
from quantdl.interface.progress import ProgressLine, line_of, told


def test_a_line_says_what_is_done_and_how_long_the_rest_may_take():
    assert line_of("training", 1, 4, 10.0) == "training: 1 of 4, 10 s, at most 30 s left"
    assert line_of("training", 4, 4, 40.0) == "training: 4 of 4, 40 s"
    assert line_of("reading", 7, 0, 2.0) == "reading: 7, 2 s"


def test_the_line_ends_when_the_stage_does(capsys):
    line = ProgressLine()
    line("training", 0, 2)
    line("training", 2, 2)
    assert capsys.readouterr().err == "\rtraining: 0 of 2, 0 s\rtraining: 2 of 2, 0 s\n"


def test_progress_is_a_line_nothing_or_whatever_is_given():
    def own(stage, done, total): ...

    assert isinstance(told(True), ProgressLine)
    assert told(False) is None
    assert told(own) is own


@pytest.mark.parametrize("total", [0, 3])
def test_nothing_is_divided_by_nothing(total):
    assert line_of("x", 0, total, 1.0)


@pytest.mark.parametrize("given", ["yes", 1, [True]])
def test_what_cannot_be_told_is_refused(given):
    with pytest.raises(
        ConfigError, match="^progress: given .*; expected True for a line, False for none, or a function"
    ):
        told(given)
