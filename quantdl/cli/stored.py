"""A stored run on the terminal: read from its folder as JSON, without anything heavy."""

from typing import TYPE_CHECKING, Any

from quantdl.cli.printing import print_sentences
from quantdl.cli.results import Plain, part, print_result
from quantdl.cli.saying import say
from quantdl.errors import QuantdlError

if TYPE_CHECKING:
    from quantdl.runs.store import RunFolder

_CONTENTS = (
    "verdict.json",
    "checklist.json",
    "metrics.json",
    "breakdowns.json",
    "selection.json",
    "stress.json",
    "card.json",
    "failure.json",
    "evaluation.json",
)
_REPORT = "report.html"


def contents_of(run: "RunFolder") -> dict[str, Any]:
    """Return what a run found as one record: its place, and each of its results under the name of its file.

    Raises:
        IntegrityError: If a file is not what was written.
    """
    parts = {name.removesuffix(".json"): run.read_json(name) for name in _CONTENTS if name in run.files}
    return {"path": str(run.path), "id": run.id, "name": run.name, **parts}


def fitted_through(run: "RunFolder") -> tuple[object, ...]:
    """Return the last sessions that the fits of a run's model saw; empty without a model."""
    model = run.read_json("model/model.json") if "model/model.json" in run.files else None
    through = model.get("fitted_through") if isinstance(model, dict) else None
    return tuple(through) if isinstance(through, list) else ()


def print_stored(run: "RunFolder") -> None:
    """Print the verdict of a run, its figures beside equal weight, and where the rest is.

    Raises:
        IntegrityError: If a file is not what was written.
    """
    found = contents_of(run)
    if "failure" in found:
        failure = part(found, "failure")
        print_sentences(f"The run failed on {failure.get('session')}: {failure.get('message')}")
    verdict = part(found, "verdict") or _former_verdict(found)
    metrics, breakdowns, selection = (part(found, name) for name in ("metrics", "breakdowns", "selection"))
    print_result(verdict, metrics, breakdowns, selection, _sample(run))
    if "checklist" in found:
        say(f"verdict: {part(found, 'checklist').get('verdict')}")
    if _REPORT in run.files:
        say(f"report:  {run.path / _REPORT}")
    if "metrics" in found:
        print_sentences(
            f"Every figure: `quantdl runs show {run.id} --json`; tables of sessions: *.parquet in its folder."
        )


def _sample(run: "RunFolder") -> Plain:
    """Return the plan's test span; empty where the run does not tell."""
    config = run.read_json("config.json") if "config.json" in run.files else None
    return part(config, "plan", "sample") if isinstance(config, dict) else {}


def one_line(run: "RunFolder") -> tuple[str, float | None]:
    """Return the verdict of a run and its Sharpe ratio, for a list of runs; what it does not have is left out."""
    try:
        metrics = run.read_json("metrics.json") if "metrics.json" in run.files else {}
        checklist = run.read_json("checklist.json") if "checklist.json" in run.files else {}
    except (QuantdlError, OSError):
        return "damaged", None
    sharpe = part(metrics if isinstance(metrics, dict) else {}, "strategy").get("sharpe")
    verdict = checklist.get("verdict") if isinstance(checklist, dict) else None
    return str(verdict or ""), sharpe if isinstance(sharpe, int | float) else None


def _former_verdict(found: dict[str, Any]) -> dict[str, Any]:
    """Return the plain verdict of a run that was written before runs kept it; empty where its records do not tell."""
    if not {"checklist", "metrics", "card"} <= set(found):
        return {}
    from quantdl.backtest.judging.checklist import Checklist
    from quantdl.records import from_plain, plain_fields
    from quantdl.results.metrics import RunMetrics
    from quantdl.results.plain_verdict import plain_verdict

    try:
        checklist, metrics = from_plain(Checklist, found["checklist"]), from_plain(RunMetrics, found["metrics"])
    except (ValueError, QuantdlError):
        return {}
    frequency = part(found, "card", "declaration").get("frequency", "1D")
    return plain_fields(plain_verdict(checklist, metrics, frequency))
