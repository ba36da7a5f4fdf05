"""`quantdl data universe`: who belonged on a day, and what is said of a day that is none."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantdl.cli.commands import app
from tests.small_experiment import whole_config

CONFIG = Path(__file__).parents[3] / "configs" / "equal_weight.yaml"


def universe(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["data", "universe", *map(str, arguments)], prog_name="quantdl")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Three bundled stocks, which belong from their thousandth bar on: 253, 253 and 254 sessions, then 240 of 1993."""
    text = whole_config("equal_weight")
    rule = "  kind: sp500\n  assets: [AAPL, KO, XOM]\n  eligibility: {minimum_history_bars: 1000}\n"
    path = tmp_path / "rule.yaml"
    path.write_text(text.replace("  kind: sp500\n", rule))
    return path


def test_the_universe_of_a_session_is_listed_with_the_reason(config):
    code, out, _ = universe(config, "--on", "1993-12-10", "--json")
    told = json.loads(out)
    assert (code, told["session"]) == (0, "1993-12-10")
    assert [(row["asset"], row["member"], row["standing"]) for row in told["assets"]] == [
        (name, False, "short history") for name in ("AAPL", "KO", "XOM")
    ]
    assert {row["history_bars"] for row in told["assets"]} == {1000 - 1}
    later = json.loads(universe(config, "--on", "1993-12-13", "--json")[1])
    assert all(row["member"] for row in later["assets"])


def test_a_day_without_a_session_is_that_of_the_session_before_and_says_so(config):
    code, out, _ = universe(config, "--on", "2016-12-31")
    assert code == 0
    assert "Universe at the close of 2016-12-30" in out


@pytest.mark.parametrize(
    ("day", "code", "told"),
    [
        ("03/06/2019", 2, "expected a date such as 2016-12-30"),
        ("2030-06-03", 3, "the data runs 1990-01-02..2022-12-28"),
        ("1980-01-01", 3, "the data runs 1990-01-02..2022-12-28"),
    ],
)
def test_a_day_that_the_data_do_not_have_is_refused(config, day, code, told):
    found, out, err = universe(config, "--on", day)
    assert found == code
    assert told in out + err
