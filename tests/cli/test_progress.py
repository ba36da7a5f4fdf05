"""What is told while a command works: lines in a log, nothing where quiet, and how long each stage took."""

import pytest

from quantdl.cli.progress import StageClock, told


class Seconds:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_progress_goes_to_standard_error_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with told() as progress:
        progress("training", 0, 3)
        progress("training", 3, 3)
        progress("report", 0, 0)
    output, errors = capsys.readouterr()
    assert output == ""
    lines = errors.splitlines()
    assert lines[0] == "training ..." and lines[1].startswith("training: 3/3 in ") and lines[2:] == ["report ..."]


def test_a_quiet_command_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with told(quiet=True) as progress:
        progress("training", 3, 3)
    assert capsys.readouterr() == ("", "")


def test_a_verbose_command_says_how_long_each_stage_took_also_after_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="broken"), told(quiet=True, verbose=True) as progress:
        progress("training", 1, 3)
        raise ValueError("broken")
    assert [line.split(" 0.0")[0] for line in capsys.readouterr().err.splitlines()] == [
        "took: reading:",
        "took: training:",
    ]


def test_a_stage_lasts_from_its_first_word_to_that_of_the_next() -> None:
    seconds = Seconds()
    clock = StageClock(seconds)
    for at, stage in ((2.0, "training"), (5.0, "training"), (6.0, "backtest"), (7.0, "")):
        seconds.at = at
        clock.at(stage)
    assert clock.seconds == {"reading": 2.0, "training": 4.0, "backtest": 1.0}
    assert clock.left("training", 1, 4) == 12.0
    assert clock.left("training", 0, 4) is None and clock.left("unknown", 1, 4) is None


def test_a_log_hears_of_a_long_stage_now_and_then_with_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from quantdl.cli import progress as module

    seconds = Seconds()
    monkeypatch.setattr(module, "StageClock", lambda: StageClock(seconds))
    with told() as progress:
        for done in range(101):
            progress("training", done, 100)
            seconds.at += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["training ...", "training: 30/100, about 70 s left", "training: 60/100, about 40 s left"]
    assert lines[-1] == "training: 100/100 in 100.0 s"
