"""The config of a new project is one that a run takes, whatever the prices and whatever was answered."""

from pathlib import Path

import pytest

from quantdl.config.loading import drafted_config
from quantdl.errors import ConfigError, RunError
from quantdl.experiment.starting.project import Project, config_text, draft_faults, open_questions, write_project
from quantdl.experiment.starting.questions import questions


def begun(name: str, facts, **given: str) -> dict[str, str]:
    answers: dict[str, str] = {}
    for question in questions(name, facts):
        answers[question.name] = given.get(question.name, question.default(answers))
    return answers


def faults(project: Project, facts, **given: str) -> list[str]:
    text = config_text(project, facts, begun(project.name, facts, **given))
    return [f"{'.'.join(map(str, fault.keys))}: {fault.message}" for fault in draft_faults(project, facts, text)]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("adjustment", ["raw", "split", "total_return"])
def test_the_answers_to_begin_from_are_taken(made_facts, tmp_path: Path, count: int, adjustment: str) -> None:
    for columns in ((), ("volume",)):
        assert faults(Project("mine", tmp_path), made_facts(count, columns), adjustment=adjustment) == []


@pytest.mark.parametrize("model", ["none", "ewma_t", "garch_t", "transformer"])
def test_every_model_that_can_be_chosen_is_taken(made_facts, tmp_path: Path, model: str) -> None:
    assert faults(Project("mine", tmp_path), made_facts(3), adjustment="split", model=model, horizon="7") == []


@pytest.mark.parametrize(
    ("answer", "given", "told"),
    [
        ("author", "test", "plan.documentation.author: given 'test'; expected the name of a person"),
        ("statement", "asdf", "plan.hypothesis.statement: given 'asdf'; expected a sentence"),
        ("model", "garch", "model.kind: given 'garch'"),
        ("horizon", "0", "horizon"),
        ("max_weight", "15%", "did you mean 0.15?"),
        ("max_weight", "0.1", "plan.sizing.max_gross: given 1; expected at most 3 assets x max_weight"),
        ("stop_loss", "0.5", "plan.sizing.stop_loss"),
        ("drawdown", "2", "plan.invalidation.0.limit"),
        ("yardstick", "luck", "plan.hypothesis.yardstick"),
        ("as_of", "yesterday", "data.as_of"),
    ],
)
def test_an_answer_that_a_run_would_refuse_is_refused_by_the_same_checks(
    made_facts, tmp_path: Path, answer: str, given: str, told: str
) -> None:
    found = faults(Project("mine", tmp_path), made_facts(3), **{"adjustment": "split", answer: given})
    assert any(told in fault for fault in found), found


HOSTILE = [
    "a: b # c",
    "'quoted' \"twice\" text of words",
    "{braces} and [brackets], & *stars in text",
    "ünïcode wörds über alles 日本",
    "- item one of several words here",
    "name: {name} {data} of many words",
    "x" * 300 + " some more words here",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_arrives_as_it_was_typed(made_facts, tmp_path: Path, text: str) -> None:
    facts = made_facts(3)
    config_path = Project("mine", tmp_path).config
    answers = begun("mine", facts, adjustment="raw", market_context=text, source=text)
    config, _ = drafted_config(config_text(Project("mine", tmp_path), facts, answers), config_path)
    if config is None:  # refused as no sentence, never misread
        assert "a: b # c" in text
        return
    assert config.plan.hypothesis.market_context == text
    assert config.plan.trusted_data.source == text


def test_the_path_of_prices_is_relative_to_the_config(made_facts, tmp_path: Path) -> None:
    facts = made_facts(3)
    answers = begun("mine", facts, adjustment="raw")
    project = Project("mine", facts.path.parent)
    config, found = drafted_config(config_text(project, facts, answers), project.config)
    assert config.data.path == Path("../prices")
    assert {fault.keys for fault in found} <= {("strategy", "file"), ("data", "path")}  # none of them is written yet


def test_what_only_the_owner_knows_is_marked_with_its_line(made_facts, tmp_path: Path) -> None:
    facts = made_facts(3, close=-1.0)
    text = config_text(Project("mine", tmp_path), facts, begun("mine", facts))
    marked = open_questions(text)
    assert len(marked) == 4
    for one in marked:
        number, _, question = one.removeprefix("line ").partition(": ")
        assert question in text.split("\n")[int(number) - 1]
    assert "negative_close 3" in text
    answered = begun("mine", facts, adjustment="raw", source="A vendor, by its files", licence="bought")
    assert len(open_questions(config_text(Project("mine", tmp_path), facts, answered))) == 1  # the broken cells


def test_files_are_written_once_and_the_schema_is_left_as_it_is(made_facts, tmp_path: Path) -> None:
    first, second = Project("one", tmp_path), Project("two", tmp_path)
    assert write_project(first, "name: one\n") == (first.strategy, first.config, first.schema)
    first.schema.write_text("{}")
    assert write_project(second, "name: two\n") == (second.strategy, second.config)
    assert first.schema.read_text() == "{}" and first.config.read_text() == "name: one\n"
    for taken in (first.strategy, first.config):
        taken.unlink()
        with pytest.raises(ConfigError, match="exists already, and nothing is overwritten"):
            write_project(first, "other")
        taken.write_text("")


def test_a_disk_that_refuses_one_file_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "configs").write_text("a file where a folder is wanted")
    with pytest.raises(RunError, match="Nothing was left half-written"):
        write_project(Project("one", tmp_path), "name: one\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "configs"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "ä", ".hidden", "a" * 65, "x\n"])
def test_a_name_that_no_file_should_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="NAME: given"):
        Project(name, tmp_path)
