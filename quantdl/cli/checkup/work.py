"""Whether the bundled prices can be read, and whether the engine of the backtest is compiled already."""

import time
from collections.abc import Iterator
from pathlib import Path

from quantdl.cli.checkup.finding import Finding
from quantdl.cli.checkup.places import refusal
from quantdl.errors import QuantdlError


def work() -> Iterator[Finding]:
    """Yield what is found by doing a little of what a run does."""
    yield _prices()
    yield _engine()


def _prices() -> Finding:
    started = time.perf_counter()
    try:
        from quantdl.market.sources import load_sp500

        panel = load_sp500()
    except (ImportError, OSError, QuantdlError) as error:
        return Finding("prices", "broken", f"the bundled set cannot be read: {error}", "pip install skfolio")
    first, last, seconds = panel.sessions[0], panel.sessions[-1], time.perf_counter() - started
    span = f"{len(panel.assets)} assets, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return Finding("prices", "ok", f"the bundled set: {span}, in {seconds:.1f} s with what it loads")


def _engine() -> Finding:
    try:
        from quantdl.backtest.book import kernel
    except (ImportError, OSError) as error:
        return Finding("engine", "broken", f"cannot be loaded: {error}", "pip install --force-reinstall numba")
    folder, source = Path(kernel.advance.stats.cache_path), Path(kernel.__file__)  # type: ignore[attr-defined]
    return compiled(folder, source)


def compiled(folder: Path, source: Path) -> Finding:
    """Return whether a compiled form of the engine is kept that is not older than its source.

    Args:
        folder: In which it is kept.
        source: File of the engine.
    """
    if why := refusal(folder):
        detail = f"{folder}: {why}; the engine is compiled anew in every run, which takes ten seconds and more"
        return Finding("engine", "slow", detail, "set NUMBA_CACHE_DIR to a folder that can be written")
    written = source.stat().st_mtime
    kept = [file for file in folder.glob(f"{source.stem}.advance-*.nbi") if file.stat().st_mtime >= written]
    if kept:
        return Finding("engine", "ok", f"compiled, kept in {folder}")
    detail = "not compiled yet: the first backtest takes ten to fifteen seconds more, later ones read it from the disk"
    return Finding("engine", "note", detail)
