"""Which model made the forecasts, what it has seen, and how its training went."""

import dataclasses
from datetime import date

from quantdl.models.settings import EnsembleSettings, GarchSettings, TransformerSettings
from quantdl.report import model
from quantdl.results.run_record import read_run
from quantdl.sequences import ReturnWindow
from quantdl.training.checkpoints import MemberDescription
from tests.report.drawings import drawn, traces, values
from tests.report.sections import chart, column, table, words


def facts(run):
    (found,) = (part for part in model.section(run).parts if part.kind == "facts")
    return dict(found.pairs)


def test_the_model_is_named_with_its_settings_in_words(run):
    found = facts(run)
    assert found["Kind"] == "transformer"
    assert (found["Width"], found["Horizon"]) == ("32", "21")


def test_the_spans_of_the_fit_are_those_of_the_config(run):
    found = facts(run)
    assert found["Training span ends"] == "2016-12-30"
    assert found["Validation span ends"] == "2018-12-31"
    assert found["Tested"] == "2019-01-02 to 2022-12-28"
    assert found["Fitted through"] == ", ".join(map(str, run.model.fitted_through))
    assert found["Assets"] == f"{len(run.model.assets)} assets"


def test_return_windows_are_put_in_words(run):
    windows = (ReturnWindow(0, 1), ReturnWindow(1, 21), ReturnWindow(2, 5))
    changed = dataclasses.replace(run, model=dataclasses.replace(run.model, windows=windows))
    assert facts(changed)["Returns forecast"] == (
        "1 bar from the close of the forecast; 21 bars from the close 1 bar later; 5 bars from the close 2 bars later"
    )


def test_the_course_of_training_is_drawn_as_recorded(run, files):
    course = chart(model.section(run), "chart-training")
    recorded = files.records["training.json"]
    found = traces(course)
    assert values(found["Training"]["y"]) == [one["train_loss"] for one in recorded["epochs"]]
    assert values(found["Validation"]["y"]) == [one["validation_loss"] for one in recorded["epochs"]]
    assert [line["x0"] for line in drawn(course)["layout"]["shapes"]] == [recorded["best_epoch"]]


def test_a_model_fitted_without_passes_has_no_course(files, write):
    del files.records["training.json"]
    section = model.section(read_run(write(files)))
    assert [part.kind for part in section.parts] == ["facts", "words"]
    assert words(section)[0].startswith("There were no passes over the data")


def test_a_run_without_a_model_says_so(files, without_model, write):
    section = model.section(read_run(write(without_model(files))))
    assert words(section) == ["This run has no model: its strategy reads prices only, so nothing was fitted."]
    assert len(section.parts) == 1


def test_the_members_of_an_ensemble_stand_with_what_each_has_seen(run):
    days = (date(2018, 12, 31), date(2019, 12, 31))
    fits = (MemberDescription(64, days), MemberDescription(None, days[:1]))
    settings = EnsembleSettings(21, (TransformerSettings(21), GarchSettings(21)))
    changed = dataclasses.replace(
        run,
        model=dataclasses.replace(run.model, members=fits),
        setup=dataclasses.replace(run.setup, model=settings),
        training=None,
    )
    found = table(model.section(changed), "Members of the ensemble")
    assert column(found, 1) == ["64", "all"]
    assert column(found, 2) == ["2018-12-31, 2019-12-31", "2018-12-31"]
    assert (facts(changed)["Members"], facts(changed)["Seeds"]) == ("transformer, garch_t", "1")
    assert words(model.section(changed)) == []
