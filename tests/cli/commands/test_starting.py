"""`quantdl init` writes a project that runs as it is, never over anything, and asks only where somebody can answer."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.config.validation import plain_tree
from quantdl.config.yaml_reader import read_document
from tests.cli.running import invoke, quantdl


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three assets over 520 sessions of New York, with volumes."""
    folder = tmp_path_factory.mktemp("bars") / "prices"
    folder.mkdir()
    days = trading_calendar("XNYS").sessions("2020-01-02", "2022-12-30")[:520]
    generator = np.random.default_rng(5)
    for symbol in ("AA", "BB", "NA"):
        closes = 50.0 * np.exp(np.cumsum(generator.normal(0.0005, 0.01, len(days))))
        table = pd.DataFrame({"close": closes, "volume": 1e7}, index=pd.Index(days, name="date"))
        table.to_csv(folder / f"{symbol}.csv")
    return folder


@pytest.fixture(scope="module")
def project(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[int, str, str]]:
    """The folder of a project on files, and what the command said."""
    folder = tmp_path_factory.mktemp("project")
    options = ["--data", str(prices), "--calendar", "XNYS", "--adjustment", "total_return", "--yes"]
    return folder, invoke("init", "mine", "--into", str(folder), *options)


def test_it_says_what_it_wrote_what_is_left_and_what_comes_next(project) -> None:
    folder, (code, output, errors) = project
    assert (code, errors) == (0, "")
    written = [line.removeprefix("wrote ") for line in output.splitlines() if line.startswith("wrote ")]
    assert written == [
        f"{folder}/strategies/mine.py",
        f"{folder}/configs/mine.yaml",
        f"{folder}/configs/quantdl.schema.json",
    ]
    assert "under which terms may the prices be used?" in output  # nobody told, and a run goes on without it
    assert "for splits only" not in output  # --adjustment told
    assert f"quantdl run {folder}/configs/mine.yaml" in output


def test_the_strategy_is_played_under_its_plan(project) -> None:
    folder, _ = project
    config = folder / "configs" / "without_model.yaml"
    text = (folder / "configs" / "mine.yaml").read_text().replace("model:\n  kind: ewma_t\n  horizon: 5\n", "")
    config.write_text(text.replace("purge_bars: 6", "purge_bars: 0"))
    code, output, errors = invoke("backtest", str(config), "--json")
    assert code == 0, errors
    assert json.loads(output)["strategy"]["n_returns"] == 520 // 4


@pytest.mark.slow
def test_a_project_on_files_runs_to_its_report(prices: Path, tmp_path: Path) -> None:
    options = ["--data", str(prices), "--calendar", "XNYS", "--adjustment", "total_return", "--yes"]
    assert invoke("init", "mine", "--into", str(tmp_path), *options)[0] == 0
    code, output, errors = invoke("run", str(tmp_path / "configs" / "mine.yaml"))
    assert code == 0, errors
    run = Path(output.splitlines()[-1])
    assert run.parent == tmp_path / "runs" and (run / "report.html").exists()
    items = json.loads((run / "checklist.json").read_text())["items"]
    assert {"horizon", "rules", "sizing", "documentation"} <= {item["item"] for item in items if item["passed"]}


def test_an_editor_finds_the_schema_beside_the_config_and_the_config_valid(project) -> None:
    folder, _ = project
    config = folder / "configs" / "mine.yaml"
    assert config.read_text().splitlines()[0] == "# yaml-language-server: $schema=quantdl.schema.json"
    schema = json.loads((folder / "configs" / "quantdl.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(plain_tree(read_document(config).root))


def test_nothing_is_overwritten(project) -> None:
    folder, _ = project
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, output, errors = invoke("init", "mine", "--into", str(folder), "--yes")
    assert (code, output) == (2, "")
    assert "strategies/mine.py and" in errors and "nothing is overwritten" in errors
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_on_the_bundled_prices_the_plan_is_whole(tmp_path: Path) -> None:
    code, output, errors = invoke("init", "trend", "--into", str(tmp_path), "--yes")
    assert (code, errors) == (0, "") and "Only you can say" not in output
    config = load_config(tmp_path / "configs" / "trend.yaml")
    assert config.data.kind == "sp500" and config.strategy is not None
    assert config.locate(config.strategy.file) == tmp_path / "strategies" / "trend.py"


def test_what_nobody_told_is_marked_and_refused_at_its_line(prices: Path, tmp_path: Path) -> None:
    options = ["--data", str(prices), "--calendar", "XNYS", "--yes"]
    code, output, _ = invoke("init", "open", "--into", str(tmp_path), *options)
    assert code == 0 and "raw as traded, split for splits only, or total_return?" in output
    code, _, errors = invoke("backtest", str(tmp_path / "configs" / "open.yaml"))
    assert code == 2
    assert "data.adjustment: given '?'; expected one of raw, split, total_return" in errors


def test_files_are_read_as_options_say_that_they_are_written_and_named(prices: Path, tmp_path: Path) -> None:
    """The config says what the options did, so that `data check` of it finds the same assets."""
    folder = tmp_path / "bars"
    folder.mkdir()
    for file in prices.glob("*.csv"):
        text = "# downloaded\n" + file.read_text().replace(",", ";").replace(".", ",")
        (folder / f"NYSE_{file.stem}.csv").write_text(text)
    options = ["--data", str(folder), "--calendar", "XNYS", "--adjustment", "split", "--yes"]
    options += ["--symbol-pattern", "NYSE_(.+)", "--separator", ";", "--decimal", ",", "--skip-rows", "1"]
    code, _, errors = invoke("init", "mine", "--into", str(tmp_path), *options)
    assert (code, errors) == (0, "")
    config = load_config(tmp_path / "configs" / "mine.yaml")
    assert (config.data.symbol_pattern, config.data.separator, config.data.decimal) == ("NYSE_(.+)", ";", ",")
    code, output, errors = invoke("data", "check", str(tmp_path / "configs" / "mine.yaml"), "--json")
    assert code == 0, errors
    assert {*json.loads(output)["coverage"]} == {"AA", "BB", "NA"}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["a/b", "--yes"], 2, "NAME: given 'a/b'; expected letters, digits"),
        (["mine"], 2, "say --yes"),
        (["mine", "--yes", "--calendar", "XNYS"], 2, "--calendar: says what --data holds; give --data as well"),
        (["mine", "--yes", "--symbol-pattern", "N_(.+)"], 2, "--symbol-pattern: says what --data holds"),
        (["mine", "--yes", "--newest-first"], 2, "--newest-first: says what --data holds"),
        (["mine", "--yes", "--data", "nowhere"], 2, "--data nowhere: no such file or folder"),
        (["mine", "--yes", "--data", "PRICES"], 2, "--calendar is needed"),
        (["mine", "--yes", "--data", "PRICES/AA.csv", "--calendar", "XNYQ"], 3, "XNY"),
    ],
)
def test_what_cannot_begin_a_project_is_refused_and_nothing_written(
    prices: Path, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    named = [word.replace("PRICES", str(prices)) for word in arguments]
    found, output, errors = invoke("init", *named, "--into", str(tmp_path))
    assert (found, output) == (code, "")
    assert told in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_project_begun_elsewhere_runs_from_its_own_folder(tmp_path: Path) -> None:
    assert quantdl("init", "trend", "--yes", cwd=tmp_path).returncode == 0
    text = (tmp_path / "configs" / "trend.yaml").read_text()
    (tmp_path / "configs" / "trend.yaml").write_text(text.replace("kind: ewma_t", "kind: historical"))
    process = quantdl("audit", "configs/trend.yaml", "--cuts", "2", cwd=tmp_path)
    assert process.stdout.startswith("CLEAN"), process.stderr
