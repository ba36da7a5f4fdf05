"""Is everything still what was written? Run folders byte by byte, and the ledger with what is kept beside it."""

from pathlib import Path, PurePosixPath

from quantdl.errors import IntegrityError
from quantdl.runs.ledger import LEDGER, Ledger
from quantdl.runs.manifest import MANIFEST, file_problem, open_run
from quantdl.runs.store import list_runs

_WITH_A_TRIAL = "selection.json"  # what the ledger says of a run, and no other folder has


def verify_run(path: Path) -> tuple[str, ...]:
    """Compare a run folder with its manifest, byte by byte; an empty answer means that it is what was written.

    Raises:
        RunNameError: If there is no run at ``path``.
    """
    path = Path(path)
    try:
        run = open_run(path)
    except IntegrityError as error:
        return (str(error),)
    problems = [file_problem(path, name, record) for name, record in sorted(run.files.items())]
    present = {item.relative_to(path).as_posix() for item in path.rglob("*")}
    written = {MANIFEST, *run.files, *(str(folder) for name in run.files for folder in PurePosixPath(name).parents)}
    extra = [f"{name}: extra, not written by the run" for name in sorted(present - written)]
    return tuple(problem for problem in problems if problem is not None) + tuple(extra)


def verify_ledger(root: Path) -> tuple[str, ...]:
    """What is wrong with the ledger of a folder of runs; nothing where it, and all that it names, is what was written.

    A ledger that was cut at the end of a line looks whole by itself. It is found by the runs that stand beside it and
    are not in it.

    Raises:
        RunError: If the disk refuses.
    """
    from quantdl.runs.returns import returns_problems  # needs numpy, and listing runs does not

    ledger = Ledger(root / LEDGER)
    try:
        contents = ledger.read()
    except IntegrityError as error:
        return (str(error),)
    torn = [f"{contents.torn}, as a crash leaves them; the next trial takes their place"] if contents.torn else []
    recorded = {record.run for record in contents.records}
    lost = [
        f"{run.path}: the ledger has no line of this run; it was cut short or replaced, or the run was made elsewhere"
        for run in (open_run(entry.path) for entry in list_runs(root) if entry.name is not None)
        if _WITH_A_TRIAL in run.files and run.id not in recorded
    ]
    return (*torn, *returns_problems(ledger, contents.records), *lost)
