"""The config of the risk of a book: small, strict, and every fault of it at its line."""

from pathlib import Path

import pytest

from quantdl.config import load_risk_config
from quantdl.errors import ConfigError
from tests.small_experiment import ROOT

SHIPPED = (ROOT / "configs/risk/sp500.yaml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "risk.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_config_states_one_and_ten_bars_at_the_basel_levels():
    config = load_risk_config(ROOT / "configs/risk/sp500.yaml")
    assert config.horizons == (1, 10)
    assert config.levels == (0.975, 0.99)


def test_horizons_are_the_next_bar_and_those_of_the_model_each_once(tmp_path):
    config = load_risk_config(written(tmp_path, SHIPPED.replace("horizon: 10", "horizon: 1\n  also_horizons: [5, 21]")))
    assert config.horizons == (1, 5, 21)
    config = load_risk_config(written(tmp_path, SHIPPED.replace("horizon: 10", "horizon: 5\n  also_horizons: [2]")))
    assert config.horizons == (1, 2, 5)


def test_every_fault_is_reported_at_once_with_its_line(tmp_path):
    text = SHIPPED.replace("seed: 7", "sed: 7").replace("horizon: 10", "horizon: 0")
    text += "levels: [0.2]\nplan: {}\nliquidity: {participation: 2}\n"
    with pytest.raises(ConfigError) as refused:
        load_risk_config(written(tmp_path, text))
    message = str(refused.value)
    for part in ("did you mean 'seed'", "model.horizon: given '0'", "levels", "plan: unknown key"):
        assert part in message
    assert "liquidity.participation: given '2'" in message
    assert f"risk.yaml:{1 + text[: text.index('plan:')].count(chr(10))}:" in message


def test_too_few_draws_for_a_level_are_refused_with_the_number_needed(tmp_path):
    with pytest.raises(ConfigError, match=r"draws: given 5000; expected at least 50000"):
        load_risk_config(written(tmp_path, SHIPPED + "levels: [0.999]\ndraws: 5000\n"))


def test_a_model_is_asked_for(tmp_path):
    with pytest.raises(ConfigError, match="model: missing"):
        load_risk_config(written(tmp_path, SHIPPED[: SHIPPED.index("model:")]))


def test_a_config_extends_another_one(tmp_path):
    config = load_risk_config(written(tmp_path, f"extends: {ROOT}/configs/risk/sp500.yaml\nname: small\ndraws: 5000\n"))
    assert (config.name, config.draws, config.model.kind) == ("small", 5000, "market_states")
