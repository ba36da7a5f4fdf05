"""What a user gets for a mistake: the right exit code, where it is, what was expected, and never a traceback."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantdl.cli.commands import app
from quantdl.config import load_config
from quantdl.errors import PlanError
from quantdl.runs import Ledger, list_runs, open_run
from tests.cli.running import heed_interrupts

STRATEGIES = {
    "nan": "return Decision(np.full(len(view.assets), np.nan), 'rebalance')",
    "over_cap": "return Decision(np.eye(len(view.assets))[0] * 0.9, 'rebalance')",
    "short": "return Decision(np.full(len(view.assets), -0.1), 'rebalance')",
    "untagged": "return Decision(np.full(len(view.assets), 0.1), '')",
    "unknown_rule": "return Decision(np.full(len(view.assets), 0.1), 'rebalnce')",
    "wrong_length": "return Decision(np.full(2, 0.1), 'rebalance')",
    "raises": "return view.closes[99999999]",
    "wrong_type": "return 'buy'",
}


@pytest.fixture
def quantdl(tmp_path, monkeypatch):
    """Run the command line in this process, from the folder of the test."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(app, list(arguments), prog_name="quantdl")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stderr

    return call


def nothing_written(folder: Path) -> bool:
    runs = folder / "runs"
    return not runs.exists() or not [path for path in runs.iterdir() if path.is_dir()]


def without_a_model(strategy: str) -> dict[str, str]:
    return {
        "model:\n  kind: transformer\n  horizon: 5\n  width: 8\n  heads: 2\n  layers: 1\n  context: 32\n": (
            "model: null\n"
        ),
        "compare: [ewma_t]\n": "",
        "purge_bars: 6": "purge_bars: 0",
        "least_shortfall.py\n  parameters: {level: 0.95}\n": "least_shortfall.py\n",
    } | {f"file: {Path(__file__).parents[2]}/strategies/least_shortfall.py": f"file: {strategy}"}


@pytest.mark.parametrize("fault", STRATEGIES)
def test_a_strategy_that_decides_nonsense_is_named_with_its_session(fault, tmp_path, write_small, quantdl):
    source = (
        "import numpy as np\n\nfrom quantdl.backtest import Decision\n\n\n"
        f"class Strategy:\n    def decide(self, view):\n        {STRATEGIES[fault]}\n"
    )
    (tmp_path / "mine.py").write_text(source)
    config = write_small(tmp_path, without_a_model("mine.py"))
    code, error = quantdl("run", str(config))
    assert code == 6, error
    assert "2016-07-01" in error and "The book then: equity 1,000,000.00, no position." in error
    assert "mine.py:8" in error or fault != "raises"


LATE = """import numpy as np

from quantdl.backtest import Decision


class Strategy:
    def decide(self, view):
        if view.weights.any() and len(view.sessions) % 9 == 0:
            raise KeyError("gone")
        return Decision(np.full(len(view.assets), 0.1), "rebalance") if view.rebalance_due else None
"""


def test_a_run_whose_strategy_fails_is_kept_as_failed_and_counts_as_a_trial(tmp_path, write_small, quantdl):
    (tmp_path / "mine.py").write_text(LATE)
    config = write_small(tmp_path, without_a_model("mine.py"))
    code, error = quantdl("run", str(config))
    assert code == 6 and "KeyError: 'gone'" in error
    assert re.search(r"The book then: equity [\d,]+\.\d\d, [A-Z]+ \d+\.\d%", error) and "and 1 more" in error
    (entry,) = list_runs(tmp_path / "runs")
    assert entry.failed and entry.problem is None and str(entry.path) in error
    run = open_run(entry.path)
    failure = run.read_json("failure.json")
    assert failure["session"] in error and failure["weights"]["AAPL"] == pytest.approx(0.1, abs=0.01)
    assert {"config.yaml", "environment.json", "log.txt", "strategy.py"} <= {*run.files}
    (trial,) = Ledger(tmp_path / "runs" / "ledger.jsonl").read().records
    assert trial.figures is None and trial.reason == f"the strategy failed on {failure['session']}"
    assert trial.run == entry.id and trial.is_run


def test_a_failed_run_has_no_report_and_says_so(tmp_path, write_small, quantdl):
    (tmp_path / "mine.py").write_text(LATE)
    quantdl("run", str(write_small(tmp_path, without_a_model("mine.py"))))
    (entry,) = list_runs(tmp_path / "runs")
    for command in (["report", entry.id], ["runs", "compare", entry.id, entry.id], ["runs", "reproduce", entry.id]):
        code, error = quantdl(*command)
        assert code in (2, 6) and "failed" in error, error
    assert quantdl("runs", "verify", entry.id)[0] == quantdl("runs", "show", entry.id)[0] == 0


def test_a_strategy_that_opens_a_file_is_told_in_the_checklist(tmp_path, write_small, quantdl):
    source = (
        LATE.replace('raise KeyError("gone")', "pass")
        .replace("import numpy", "import pathlib\n\nimport numpy")
        .replace("class Strategy:", "class Strategy:\n    known = pathlib.Path(__file__).read_text()\n")
    )
    (tmp_path / "mine.py").write_text(source)
    assert quantdl("run", str(write_small(tmp_path, without_a_model("mine.py"))))[0] == 0
    (entry,) = list_runs(tmp_path / "runs")
    items = {item["item"]: item for item in open_run(entry.path).read_json("checklist.json")["items"]}
    assert "mine.py:9: pathlib.Path(__file__).read_text()" in items["trusted_data"]["cause"]


def test_a_backtest_without_a_folder_counts_a_failed_trial_too(tmp_path, write_small, quantdl):
    (tmp_path / "mine.py").write_text(LATE)
    assert quantdl("backtest", str(write_small(tmp_path, without_a_model("mine.py"))))[0] == 6
    (trial,) = Ledger(tmp_path / "runs" / "ledger.jsonl").read().records
    assert trial.figures is None and trial.run == "backtest" and not list_runs(tmp_path / "runs")


DATES = ["2016-01-04", "2016-01-05", "2016-01-06", "2016-01-07", "2016-01-08"]
FILES = {
    "a price of zero": (["10", "11", "0", "12", "13"], "line 4"),
    "a negative price": (["10", "11", "-3", "12", "13"], "line 4"),
    "a word": (["10", "11", "NaN", "12", "13"], "line 4"),
    "an infinite price": (["10", "11", "inf", "12", "13"], "line 4"),
}


@pytest.mark.parametrize("fault", FILES)
def test_an_impossible_price_is_named_with_file_line_and_symbol(fault, tmp_path, write_small, quantdl):
    prices, where = FILES[fault]
    _write_csv(tmp_path, DATES, prices)
    code, error = quantdl("run", str(_csv_config(tmp_path, write_small)))
    assert code == 3, error
    assert "007.csv" in error
    assert where in error or ":4" in error, error
    assert nothing_written(tmp_path)


@pytest.mark.parametrize(
    ("dates", "word"),
    [
        (["2016-01-05", "2016-01-04", *DATES[2:]], "order"),
        ([DATES[0], DATES[0], *DATES[2:]], "twice"),
        ([f"{day} 16:00:00" for day in DATES], "offset"),
    ],
    ids=["unsorted", "duplicate", "naive"],
)
def test_dates_that_cannot_be_trusted_are_named(dates, word, tmp_path, write_small, quantdl):
    _write_csv(tmp_path, dates, ["10", "11", "12", "13", "14"])
    code, error = quantdl("run", str(_csv_config(tmp_path, write_small)))
    assert code == 3, error
    assert "007.csv" in error


def test_a_missing_folder_is_a_config_error(tmp_path, write_small, quantdl):
    code, error = quantdl("run", str(_csv_config(tmp_path, write_small)))
    assert code == 2
    assert "data.path" in error


def test_dates_outside_the_data_are_a_data_error(tmp_path, write_small, quantdl):
    # The data ends on 2022-12-28; every date that must agree is moved together, so that only the data is at fault.
    changes = {"2016-07-01": "2023-07-03", "2016-12-30": "2023-12-29", "2016-11-01": "2023-11-01"}
    config = write_small(tmp_path, {**changes, "2016-11-30": "2023-11-30"})
    code, error = quantdl("run", str(config))
    assert code == 3, error
    assert "splits.test_end 2023-12-29 outside the data, which runs 2010-01-04..2022-12-28" in error
    assert re.search(r"small\.yaml:\d+", error), error


def test_ctrl_c_in_training_leaves_nothing_and_exits_130(tmp_path, write_small):
    config = write_small(tmp_path, {"  epochs: 2\n": "  epochs: 500\n  patience: 500\n"})
    process = subprocess.Popen(
        [sys.executable, "-m", "quantdl", "run", str(config)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    before = []
    for line in process.stderr:
        before.append(line)
        if line.startswith("training ..."):
            break
    assert list((tmp_path / "runs").glob(".partial-*")), before
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, [*before, err]
    assert "Traceback" not in "".join([*before, out, err])
    assert nothing_written(tmp_path)


def _write_csv(folder: Path, dates: list[str], prices: list[str]) -> None:
    (folder / "prices").mkdir()
    rows = "".join(f"{day},{price}\n" for day, price in zip(dates, prices, strict=True))
    (folder / "prices" / "007.csv").write_text("date,close\n" + rows)


def _csv_config(folder: Path, write_small) -> Path:
    source = "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
    block = (
        "  kind: csv_folder\n  path: prices\n  source: a friend\n  timezone: America/New_York\n  frequency: 1D\n"
        "  adjustment: split\n  calendar: XNYS\n  as_of: 2016-12-31\n  licence: mine\n"
    )
    return write_small(folder, {source: block})


def test_a_level_beyond_the_draws_is_refused_with_its_line(tmp_path, write_small):
    condition = "    - {kind: stale_data, bars: 5}\n"
    beyond = condition + "    - {kind: calibration, level: 0.9999, false_halt_probability: 0.05}\n"
    with pytest.raises(PlanError, match=r"plan\.invalidation\[3\]\.level: given 0\.9999; expected at most 0\.9995"):
        load_config(write_small(tmp_path, {condition: beyond}))


DECLARED_CSV = """  kind: csv_folder
  path: prices.csv
  source: prices of a test
  timezone: US/Eastern
  frequency: 1D
  adjustment: split
  calendar: XNYS
  as_of: 2024-12-31
  licence: none
"""
MISREAD = {
    "no header line": "2024-01-02,10.0,10.5,9.5,10.0,1000\n2024-01-03,10.1,10.6,9.9,10.2,1100\n",
    "semicolons that separate the cells and numbers that have decimal commas": (
        "Date;Open;Close\n2024-01-02;10,0;10,1\n2024-01-03;10,1;10,2\n"
    ),
    "tabs that separate the cells": "Date\tClose\n2024-01-02\t10.0\n",
    "3 header lines": "Price,Close,Volume\nTicker,A,A\nDate,,\n2024-01-02,10.0,1000\n",
    "rename 'Price' to 'close'": '"Date","Price","Vol."\n"2024-01-02","10.20","1.10M"\n',
    "an HTML page": "<html><body>Too many requests</body></html>\n",
    "remove the commas, which seem to separate thousands": 'date,close\n2024-01-02,"1,010.0"\n',
}


@pytest.mark.parametrize("words", MISREAD)
def test_a_file_that_is_no_table_is_named_by_check_and_by_run_alike(words, tmp_path, quantdl, write_small):
    (tmp_path / "prices.csv").write_text(MISREAD[words])
    code, error = quantdl("data", "check", "prices.csv", "--calendar", "XNYS")
    assert code == 3
    assert words in error
    source = "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
    config = write_small(tmp_path, {source: DECLARED_CSV})
    code, error = quantdl("run", str(config))
    assert code == 3, error
    assert words in error
    assert nothing_written(tmp_path)
