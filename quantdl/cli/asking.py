"""Questions on a terminal: each with the answer to begin from, and each answer checked before the next is asked."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quantdl.config.config_fault import ConfigFault
    from quantdl.experiment.starting.questions import Question

_WIDTH = 78

Faults = Callable[[Mapping[str, str]], Sequence["ConfigFault"]]
"""What a config made of some answers is refused for."""


def default_answers(questions: Sequence["Question"]) -> dict[str, str]:
    """Return the answer to begin from for each question."""
    return _completed(questions, {})


def _completed(questions: Sequence["Question"], given: Mapping[str, str]) -> dict[str, str]:
    """Return the answers that were given, and those to begin from for the other questions."""
    answers: dict[str, str] = {}
    for question in questions:
        answers[question.name] = given[question.name] if question.name in given else question.default(answers)
    return answers


def ask(questions: Sequence["Question"], faults_of: Faults) -> dict[str, str]:
    """Ask each question until its answer is taken; an empty answer is the one that is shown.

    Args:
        questions: In their order.
        faults_of: Given answers to all questions, returns what is wrong.

    Raises:
        typer.Abort: If the terminal is closed or the user interrupts.
    """
    _say("Press Enter to take what stands in brackets; the files can be changed at any time.")
    answers: dict[str, str] = {}
    for number, question in enumerate(questions, start=1):
        typer.echo(f"\n{number}/{len(questions)}", nl=False)
        _ask_until_taken(question, questions, answers, faults_of)
    wrong = [fault for fault in faults_of(answers) if not _is_open(fault, questions, answers)]
    while wrong:  # an answer that only a later one made wrong
        concerned = [question for question in questions if any(question.concerns(fault.keys) for fault in wrong)]
        if not concerned:
            break
        _ask_until_taken(concerned[-1], questions, answers, faults_of)
        wrong = [fault for fault in faults_of(answers) if not _is_open(fault, questions, answers)]
    return answers


def _ask_until_taken(
    question: "Question", questions: Sequence["Question"], answers: dict[str, str], faults_of: Faults
) -> None:
    """Ask one question, and again with what is wrong until nothing is; its answer stands in ``answers`` then."""
    _say(question.text, "  ")
    if question.choices:
        _say(f"One of {', '.join(question.choices)}.")
    default = question.default(answers)
    while True:
        _say(f"[{default}]")
        given = str(typer.prompt("  ", default="", show_default=False, prompt_suffix="> ")).strip()
        answers[question.name] = given or default
        whole = _completed(questions, answers)
        own = [fault for fault in faults_of(whole) if question.concerns(fault.keys)]
        if not own or answers[question.name] == default == _OPEN:
            return
        _say(f"not taken: {own[0].message}")


_OPEN = "?"  # what stands for an answer that can be given later


def _is_open(fault: "ConfigFault", questions: Sequence["Question"], answers: Mapping[str, str]) -> bool:
    return any(answers[one.name] == _OPEN and one.concerns(fault.keys) for one in questions)


def _say(text: str, indent: str = "     ") -> None:
    lines = textwrap.wrap(text, _WIDTH - len(indent), break_on_hyphens=False) or [""]
    typer.echo("\n".join(indent + line for line in lines))
