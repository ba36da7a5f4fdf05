"""What configs of runs and of books share: fields, paths and what makes a trial."""

from quantdl.config import ExperimentConfig, ForecastConfig, RiskConfig, load_config, load_risk_config
from tests.small_experiment import ROOT


def test_both_kinds_of_config_name_prices_and_a_model_alike():
    run, book = load_config(ROOT / "configs/classical.yaml"), load_risk_config(ROOT / "configs/risk/sp500.yaml")
    assert isinstance(run, ExperimentConfig) and isinstance(book, RiskConfig)
    for config in (run, book):
        assert isinstance(config, ForecastConfig)
        assert config.where("data", "kind").endswith("data.kind")
    assert run.data == book.data


def test_a_name_or_a_seed_makes_no_other_trial_and_a_model_does():
    book = load_risk_config(ROOT / "configs/risk/sp500.yaml")
    same = book.model_copy(update={"name": "other", "seed": 8, "draws": 5000})
    other = book.model_copy(update={"validation_sessions": 252})
    assert same.identity() == book.identity() != other.identity()
