"""The config of prices alone: a `data` block, without a strategy, a plan or a model."""

from pathlib import Path

import pytest

from quantdl.config import ExperimentConfig, load_config, load_prices_config
from quantdl.errors import ConfigError
from tests.small_experiment import ROOT

VALID = Path(__file__).parent / "valid.yaml"


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_data_block_alone_is_read(tmp_path):
    config = load_prices_config(written(tmp_path, "data:\n  kind: sp500\n  assets: [KO]\n"))
    assert (config.data.kind, config.data.assets) == ("sp500", ("KO",))


def test_the_config_of_the_risk_of_a_book_is_read_for_its_prices():
    assert load_prices_config(ROOT / "configs/risk/sp500.yaml").data.kind == "sp500"


def test_the_config_of_a_run_is_read_as_a_whole(tmp_path):
    assert isinstance(load_prices_config(VALID), ExperimentConfig)
    text = VALID.read_text().replace("seed: 7", "sed: 7")
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        load_prices_config(written(tmp_path, text))


@pytest.mark.parametrize("key", ["plan: {}", "splits: {}", "strategy: {file: a.py}"])
def test_a_part_of_a_run_asks_for_the_others(tmp_path, key):
    with pytest.raises(ConfigError, match="missing; expected"):
        load_prices_config(written(tmp_path, f"data:\n  kind: sp500\n{key}\n"))


def test_other_keys_are_named_and_the_data_block_is_asked_for(tmp_path):
    with pytest.raises(ConfigError) as refused:
        load_prices_config(written(tmp_path, "dta:\n  kind: sp500\nlicence: none\n"))
    message = str(refused.value)
    assert "prices.yaml:1:1: dta: unknown key" in message and "did you mean 'data'?" in message
    assert "prices.yaml:3:1: licence: unknown key" in message
    assert "plan" not in message and "seed: missing" not in message


def test_prices_that_are_not_there_are_named_at_their_line(tmp_path):
    block = "data:\n  kind: csv_folder\n  path: prises\n"
    with pytest.raises(ConfigError, match=r"prices.yaml:3:9: data.path: no such file: 'prises'"):
        load_prices_config(written(tmp_path, block))


def test_it_extends_another_config(tmp_path):
    (tmp_path / "base.yaml").write_text("data:\n  kind: sp500\n")
    config = load_prices_config(written(tmp_path, "extends: base.yaml\ndata:\n  assets: [KO]\n"))
    assert config.data.assets == ("KO",)


def test_of_an_empty_file_a_data_block_is_expected_where_that_is_enough(tmp_path):
    empty = written(tmp_path, "# nothing\n")
    with pytest.raises(ConfigError, match="the file is empty; expected the keys of a config, beginning with 'data:'"):
        load_prices_config(empty)
    with pytest.raises(ConfigError, match="the file is empty; expected the keys of a config, beginning with 'name:'"):
        load_config(empty)
