"""Time and size of the report of a run: `python benchmarks/bench_report.py`.

Two runs of equal weight, without a model: the bundled twenty stocks over four years, and a thousand simulated ones over
ten. Each is carried out first, into a temporary folder; then its report is written from the run folder three times, in
one process and one thread, and the least CPU time counts. ``--run FOLDER`` times the report of a run that exists.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.market.card import Declaration
from quantdl.market.sources import load_parquet
from quantdl.report import write_report
from quantdl.runs import open_run

CONFIGS = Path(__file__).parents[1] / "configs"
DECLARED = {
    "source": "simulated for this benchmark",
    "timezone": "America/New_York",
    "frequency": "1D",
    "adjustment": "total_return",
    "calendar": "XNYS",
}
FIRST, START, END = "2008-01-02", "2010-01-04", "2019-12-31"
CONFIG = """\
extends: {configs}/equal_weight.yaml
name: thousand
data:
  kind: parquet
  path: prices.parquet
{declared}
  as_of: 2020-03-02
  licence: for this benchmark
  sectors: {{{sectors}}}
splits: {{train_end: 2008-06-30, validation_end: 2009-12-31, test_start: {start}, test_end: {end}}}
plan:
  trusted_data: {{source: {source}, fingerprint: "{fingerprint}"}}
  sample: {{first: {start}, last: {end}}}
  abnormal_volatility:
    stress_windows:
      - {{name: downgrade of 2011, first: 2011-07-25, last: 2011-10-03}}
output: {{root: runs}}
"""


def simulated_closes(n_assets: int) -> pd.DataFrame:
    """Closes of one market factor with Student-t shocks, sessions x assets."""
    sessions = trading_calendar("XNYS").sessions(pd.Timestamp(FIRST), pd.Timestamp(END))
    random = np.random.default_rng(7)
    market = 0.0003 + 0.009 * random.standard_t(4, len(sessions)) / np.sqrt(2)
    own = 0.016 * random.standard_t(5, (len(sessions), n_assets)) / np.sqrt(5 / 3)
    closes = 50.0 * np.exp(np.cumsum(market[:, None] + own, axis=0))
    return pd.DataFrame(closes.round(4), sessions, [f"S{number:04d}" for number in range(n_assets)])


def large_config(folder: Path, n_assets: int) -> Path:
    """Write simulated prices and the config of equal weight on them."""
    closes = simulated_closes(n_assets)
    closes.rename_axis("date").reset_index().to_parquet(folder / "prices.parquet")
    about = Declaration(**DECLARED, as_of=date(2020, 3, 2), licence="for this benchmark")  # type: ignore[arg-type]
    path = folder / "thousand.yaml"
    path.write_text(
        CONFIG.format(
            configs=CONFIGS,
            declared="\n".join(f"  {name}: {value}" for name, value in DECLARED.items()),
            sectors=", ".join(f"{name}: group {number % 20}" for number, name in enumerate(closes.columns)),
            source=DECLARED["source"],
            fingerprint=load_parquet(folder / "prices.parquet", about).card.fingerprint,
            start=START,
            end=END,
        )
    )
    return path


def carried_out(config: Path, output: Path) -> Path:
    """Carry a config out and return the run folder."""
    command = [sys.executable, "-m", "quantdl", "run", str(config), "--output", str(output)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return output


def time_report(name: str, run: Path) -> None:
    """Print the least CPU time of three reports of a run, and the size of the page."""
    with tempfile.TemporaryDirectory() as scratch:
        page, spent = Path(scratch) / "report.html", []
        for _ in range(3):
            begun = time.process_time()
            write_report(open_run(run), page)
            spent.append(time.process_time() - begun)
        size = page.stat().st_size / 1e6
    print(f"{name}: {min(spent):.2f} CPU s (first {spent[0]:.2f}), {size:.2f} MB")


def main() -> None:
    """Run both sizes, or time the report of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run folder that exists")
    parser.add_argument("--assets", type=int, default=1_000)
    wanted = parser.parse_args()
    if wanted.run is not None:
        time_report(wanted.run.name, wanted.run)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        time_report("20 assets, 4 years", carried_out(CONFIGS / "equal_weight.yaml", folder / "small"))
        large = carried_out(large_config(folder, wanted.assets), folder / "large")
        time_report(f"{wanted.assets:,} assets, 10 years", large)


if __name__ == "__main__":
    main()
