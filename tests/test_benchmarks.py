"""The benchmarks still run: each of these on a small panel, for its figures' form and not for their size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SECTIONS = Path(__file__).parents[1] / "benchmarks" / "sections"


def test_the_pass_over_a_mapped_panel_sees_every_window_once():
    command = [sys.executable, SECTIONS / "mapped_pass.py", "--assets", "70", "--sessions", "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["finite"] is True
    assert 0 < figures["windows"] < 70 * 300  # an asset's first bar has no return, and some are listed late


def test_an_unknown_section_is_refused_with_the_ones_there_are():
    done = subprocess.run([sys.executable, SECTIONS.parent / "data.py", "windws"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "there are panel, calendars, windows, mapped_pass" in done.stderr


_ONE_BOOK = """
import json, sys
from pathlib import Path
import pandas as pd
from gjr_books import gjr_books
from bench_forecasts import ROOT, _fz0
from quantdl.config import load_config
from quantdl.experiment import load_data
from quantdl.risk.book_laws import long_only_books
learnt = load_data(load_config(ROOT / "configs" / "forecast_sp500.yaml"), keep_ingest=False).learnt
returns = pd.DataFrame(learnt.log_returns(), learnt.sessions, list(learnt.assets))
test = returns.loc["2019-01-02":"2022-12-28"].index
for turn in range(2):  # the second from the cache
    books = gjr_books(returns, long_only_books(20, 0), test, Path(sys.argv[1]))
    beyond = int((-books["outcome"] > books["value_at_risk_losses_99"]).sum())
    print(json.dumps({"n": len(books), "beyond_99": beyond, "fz0_01": float(_fz0(books, 1).mean())}))
"""


@pytest.mark.slow
def test_the_rival_of_the_equal_weight_book_has_the_score_that_was_published(tmp_path):
    """uni_gjr_skewt_portfolio of the peers' benchmark: 1.392 % of 1,006 sessions beyond, FZ0 -3.26122."""
    command = [sys.executable, "-c", _ONE_BOOK, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=SECTIONS.parent)
    first, again = map(json.loads, done.stdout.splitlines()[-2:])
    assert first == again
    assert (first["n"], first["beyond_99"]) == (1006, 14)
    assert first["fz0_01"] == pytest.approx(-3.26122, abs=0.001)
    assert len(list(tmp_path.iterdir())) == 1
