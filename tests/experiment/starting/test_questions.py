"""Each question has an answer to begin from, and knows which faults are its own."""

import getpass

import pytest

from quantdl.experiment.starting.questions import UNANSWERED, questions


def begun(asked) -> dict[str, str]:
    answers: dict[str, str] = {}
    for question in asked:
        answers[question.name] = question.default(answers)
    return answers


def test_files_of_ones_own_are_asked_about_first_and_their_adjustment_is_not_guessed(made_facts) -> None:
    asked = questions("mine", made_facts(3))
    assert [question.name for question in asked][:4] == ["adjustment", "as_of", "source", "licence"]
    assert begun(asked)["adjustment"] == UNANSWERED


@pytest.mark.parametrize(
    ("count", "weight", "group"), [(1, "1", "1"), (2, "0.75", "0.75"), (5, "0.3", "0.4"), (12, "0.15", "0.4")]
)
def test_caps_suit_the_number_of_assets(made_facts, count: int, weight: str, group: str) -> None:
    answers = begun(questions("mine", made_facts(count)))
    assert (answers["max_weight"], answers["max_group_gross"]) == (weight, group)


def test_a_later_answer_begins_from_an_earlier_one(made_facts) -> None:
    stop = next(question for question in questions("mine", made_facts(3)) if question.name == "stop_loss")
    assert stop.default({"max_loss_per_trade": "0.1"}) == "0.06"
    assert stop.default({"max_loss_per_trade": "much"}) == "0.03"


def test_a_fault_below_a_key_is_one_of_its_answer(made_facts) -> None:
    asked = {question.name: question for question in questions("mine", made_facts(3))}
    assert asked["horizon"].concerns(("plan", "horizon", "rebalance", "bars"))
    assert asked["horizon"].concerns(("model", "horizon"))
    assert not asked["stop_loss"].concerns(("plan", "sizing", "max_weight"))


@pytest.mark.parametrize(
    ("user", "author"), [("roe", "roe"), ("test", "The author of mine"), ("", "The author of mine")]
)
def test_the_author_is_the_user_where_that_is_a_name(made_facts, monkeypatch, user: str, author: str) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    assert begun(questions("mine", made_facts(3)))["author"] == author
