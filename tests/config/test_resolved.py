"""A config in full says the same as the config."""

from pathlib import Path

import pytest

from quantdl.config import load_config, load_risk_config
from quantdl.config.resolved import resolved, resolved_yaml, value_yaml
from quantdl.config.validation import plain_tree
from quantdl.config.yaml_reader import parse_document

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", ["quickstart_ensemble", "two_strategies", "nasdaq", "two_exchanges"])
def test_a_config_written_in_full_reads_back_as_the_same(name: str, tmp_path: Path) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    folder = tmp_path / "configs"
    folder.mkdir()
    for beside in ("strategies", "data"):
        (tmp_path / beside).symlink_to(CONFIGS.parent / beside)
    (folder / "full.yaml").write_text(resolved_yaml(config))
    again = load_config(folder / "full.yaml")
    assert resolved(again) == resolved(config)
    assert again.model_dump() == config.model_dump()


def test_what_is_extended_and_what_is_left_out_are_there() -> None:
    settings = resolved(load_config(CONFIGS / "momentum.yaml"))
    assert settings["splits"]["test_start"] == "2019-01-02"  # type: ignore[index]  # base/sp500.yaml
    assert settings["backtest"] == {"initial_equity": 1_000_000.0, "draws": 2000}


def test_the_config_of_the_risk_of_a_book_reads_back_too(tmp_path: Path) -> None:
    config = load_risk_config(CONFIGS / "risk" / "sp500.yaml")
    (tmp_path / "full.yaml").write_text(resolved_yaml(config))
    assert load_risk_config(tmp_path / "full.yaml").model_dump() == config.model_dump()


@pytest.mark.parametrize(
    "text", ["007", "1E5", "ON", "null", "~", "true", "a: b", "# no", " x", "x\ny", "é\x00", "'q'", "-"]
)
def test_a_text_stays_a_text(text: str) -> None:

    document = parse_document(value_yaml({"text": text, "list": [text]}), Path("a.yaml"))
    assert document.faults == ()
    assert plain_tree(document.root) == {"text": text, "list": [text]}
