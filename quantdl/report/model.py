"""Which model made the forecasts, what it has seen, and how its training went."""

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import Facts, Part, Section, Words, notice
from quantdl.report.formatting import counted, in_words, plainly
from quantdl.report.record import Record


def section(run: RunContents) -> Section:
    """Show the model's settings, the last session it saw and its training, or say that the run has none."""
    kind = run.config.text("model", "kind")
    if not kind and not run.model:
        none = notice("This run has no model: its strategy reads prices only, so nothing was fitted.")
        return Section("model", "Model and training", "Model", "", (none,))
    lead = "No forecast was made for a session that any part of the fit has seen; the engine refuses one."
    parts: list[Part] = [Facts(_facts(run))]
    epochs = run.training.records("epochs")
    if epochs:
        losses = {
            epoch.number("epoch") or 0.0: (epoch.number("train_loss"), epoch.number("validation_loss"))
            for epoch in epochs
        }
        parts.append(figures.training_course(losses, run.training.number("best_epoch")))
    else:
        parts.append(Words("No passes over the data are recorded: the model was fitted in closed form or by search."))
    return Section("model", "Model and training", "Model", lead, tuple(parts))


def _facts(run: RunContents) -> tuple[tuple[str, str], ...]:
    splits = run.config.record("splits")
    through = run.model.texts("fitted_through")
    settings = run.model.record("settings") or run.config.record("model")
    facts = [
        ("Kind", run.config.text("model", "kind") or settings.text("kind")),
        ("Fitted through", ", ".join(through)),
        ("Training span ends", splits.text("train_end")),
        ("Validation span ends", splits.text("validation_end")),
        ("Tested", " to ".join(text for text in (splits.text("test_start"), splits.text("test_end")) if text)),
        ("Returns forecast", "; ".join(_window(window) for window in run.model.records("windows"))),
        ("Assets", counted(len(run.model.texts("assets")), "asset") if run.model else ""),
    ]
    facts += [(in_words(key), plainly(settings.get(key))) for key in settings.values if key != "kind"]
    return tuple((name, text) for name, text in facts if text)


def _window(window: Record) -> str:
    """Write a return window: where it starts after the forecast, and how long it is."""
    start, bars = window.number("starts_after"), window.number("bars")
    if start is None or bars is None:
        return plainly(dict(window.values))
    from_close = (
        "from the close of the forecast" if start == 0 else f"from the close {counted(int(start), 'bar')} later"
    )
    return f"{counted(int(bars), 'bar')} {from_close}"
