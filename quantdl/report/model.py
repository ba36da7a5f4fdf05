"""Which model made the forecasts, what it has seen, and how its training went."""

from quantdl.models.settings import EnsembleSettings
from quantdl.records import plain_fields
from quantdl.report import charts
from quantdl.report.document import Cell, Facts, Part, Section, Table, Words, header, notice, row
from quantdl.report.formatting import counted, in_words, plainly
from quantdl.results.run_record import RunRecord
from quantdl.results.setup import Setup
from quantdl.sequences import ReturnWindow
from quantdl.training.checkpoints import ModelDescription


def section(run: RunRecord) -> Section:
    """Show the model's settings, the last session it saw and its training, or say that the run has none."""
    if run.model is None:
        none = notice("This run has no model: its strategy reads prices only, so nothing was fitted.")
        return Section("model", "Model and training", "Model", "", (none,))
    lead = "No forecast was made for a session that any part of the fit has seen; the engine refuses one."
    parts: list[Part] = [Facts(_facts(run.setup, run.model))]
    if run.model.members:
        parts.append(_members(run.model))
    elif run.training is None:
        parts.append(Words("There were no passes over the data: the model was fitted in closed form or by search."))
    else:
        if run.training.execution is not None:
            parts.append(Words(f"Trained on {run.training.execution.described}."))
        parts.append(charts.training_course(run.training.epochs, run.training.best_epoch))
    return Section("model", "Model and training", "Model", lead, tuple(parts))


def _members(model: ModelDescription) -> Table:
    """List the fits that an ensemble mixes; how each was trained stands in the log of the run."""
    rows = [
        row(f"Member {number}", _bars_read(member.context), Cell(", ".join(map(str, member.fitted_through))))
        for number, member in enumerate(model.members, start=1)
    ]
    labels = header("", "Bars read", "Fitted through", numeric_from=3)
    note = "Each was trained by itself, in the order of the settings and of the seeds; log.txt says how that went."
    return Table("Members of the ensemble", labels, tuple(rows), note)


def _bars_read(context: int | None) -> Cell:
    return Cell("all" if context is None else f"{context:,}")


def _facts(setup: Setup, model: ModelDescription) -> tuple[tuple[str, str], ...]:
    settings = {} if setup.model is None else plain_fields(setup.model)
    if isinstance(setup.model, EnsembleSettings):
        settings["members"] = [member.kind for member in setup.model.members]
    splits = setup.splits
    return (
        ("Kind", str(settings.pop("kind", ""))),
        ("Fitted through", ", ".join(map(str, model.fitted_through))),
        ("Training span ends", str(splits.train_end)),
        ("Validation span ends", str(splits.validation_end)),
        ("Tested", f"{splits.test_start} to {splits.test_end}"),
        ("Returns forecast", "; ".join(map(_window, model.windows))),
        ("Assets", counted(len(model.assets), "asset")),
        *((in_words(key), plainly(settings[key])) for key in sorted(settings)),
    )


def _window(window: ReturnWindow) -> str:
    """Write a return window: where it starts after the forecast, and how long it is."""
    later = f"from the {window.begins} {counted(window.starts_after, 'bar')} later"
    start = later if window.starts_after else "from the close of the forecast"
    return f"{counted(window.bars, 'bar')} {start}"
