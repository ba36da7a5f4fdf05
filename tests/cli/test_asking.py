"""Questions on a terminal: an empty answer takes what is shown, and a refused one is asked again at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from quantdl.cli.asking import ask, default_answers
from quantdl.config.config_fault import ConfigFault, Mark
from quantdl.experiment.starting.questions import Question

QUESTIONS = (
    Question("most", ("sizing", "most"), "Most?", lambda given: "10", ("10", "20")),
    Question("stop", ("sizing", "stop"), "Stop?", lambda given: str(int(given["most"]) // 2)),
    Question("kind", ("data", "kind"), "Which?", lambda given: "?"),
)


def faults(answers: Mapping[str, str]) -> list[ConfigFault]:
    """A stop above the most is a fault of the stop, and anything but x of the kind."""
    found = []
    mark = Mark(Path("a.yaml"), 1, 1)
    if int(answers["stop"]) > int(answers["most"]):
        found.append(ConfigFault(("sizing", "stop"), f"above {answers['most']}", mark))
    if answers["kind"] != "x":
        found.append(ConfigFault(("data", "kind"), "expected x", mark))
    return found


def asked(typed: str) -> tuple[dict[str, str], str]:
    app, kept = typer.Typer(), {}

    @app.command()
    def command() -> None:
        kept.update(ask(QUESTIONS, faults))

    result = CliRunner().invoke(app, [], input=typed)
    return kept, result.output


def test_an_empty_answer_takes_what_is_shown_which_follows_the_answers_before() -> None:
    answers, shown = asked("20\n\nx\n")
    assert answers == {"most": "20", "stop": "10", "kind": "x"}
    assert "1/3" in shown and "One of 10, 20." in shown and "[10]" in shown


def test_a_refused_answer_is_asked_again_with_the_reason() -> None:
    answers, shown = asked("10\n11\n4\ny\nx\n")
    assert answers == {"most": "10", "stop": "4", "kind": "x"}
    assert shown.count("not taken: above 10") == 1 and shown.count("not taken: expected x") == 1


def test_what_may_be_said_later_is_left_open_by_an_empty_answer() -> None:
    assert asked("\n\n\n")[0]["kind"] == "?"


def test_a_closed_terminal_ends_the_questions() -> None:
    answers, _ = asked("10\n")
    assert answers == {}


def test_lines_fit_a_terminal_of_eighty_columns() -> None:
    long = Question("long", ("a",), "words of a question " * 12, lambda given: "an answer to begin from " * 12)
    app = typer.Typer()
    app.command()(lambda: ask((long,), lambda answers: []) and None)
    shown = CliRunner().invoke(app, [], input="\n").output
    assert max(map(len, shown.splitlines())) <= 80


def test_without_a_terminal_all_answers_are_those_to_begin_from() -> None:
    assert default_answers(QUESTIONS) == {"most": "10", "stop": "5", "kind": "?"}


@pytest.mark.parametrize("typed", ["\n\nx\n"])
def test_all_are_asked_once(typed: str) -> None:
    assert asked(typed)[1].count("> ") == len(QUESTIONS)
