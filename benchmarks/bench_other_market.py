"""Forecasts of stocks whose prices no network was trained on, beside an EGARCH-t fitted to each of them.

    python benchmarks/bench_other_market.py [CONFIG] [--stocks N] [--years Y]

Of the NASDAQ file in the folder that QUANTDL_DATABANK names, 200 stocks are drawn with seed 7 and set apart. A
transformer is trained on the others, anew at the end of every year, and forecasts the ones set apart from their own
past prices; EGARCH-t is fitted to these themselves, as often. Walk-forward over 2013-2017. Differences are in nats,
negative where the network is better; t takes the stock-days of a session as one cluster. Prints JSON lines.
"""

import argparse
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from scored import Scores, scores, timed

from quantdl.config import ExperimentConfig, load_config
from quantdl.experiment.models import FittedBlock, fit_model
from quantdl.experiment.preparation import load_data
from quantdl.features import feature_table
from quantdl.market.panel import Panel
from quantdl.models.settings import EgarchSettings, NetworkSettings
from quantdl.scoring.comparisons import clustered_difference
from quantdl.sequences import build_histories
from quantdl.training.forecasting import ForecastBook, forecast_sessions
from quantdl.training.splits import SplitBars, split_bars

ROOT = Path(__file__).resolve().parents[1]
SEED = 7


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=ROOT / "configs" / "nasdaq.yaml")
    parser.add_argument("--stocks", type=int, default=200)
    parser.add_argument("--years", type=int, default=5, help="of the walk-forward, the last of which is 2017")
    asked = parser.parse_args()
    config = with_years(load_config(asked.config), asked.years)
    prices = config.locate_data(config.data.path, "data", "path")
    if not prices.is_file():
        print(json.dumps({"skipped": f"no {prices}; QUANTDL_DATABANK names the folder that holds it"}))
        return
    learnt = load_data(config, keep_ingest=False).learnt
    names = np.random.default_rng(SEED).permutation(sorted(learnt.assets))
    apart, others = (learnt.select(sorted(part)) for part in np.split(names, [asked.stocks]))
    bars = split_bars(learnt.sessions, config.splits)
    network = timed("trained on the other stocks", lambda: fitted_on(others, bars, config))
    own = timed("forecast", lambda: scores(forecasts_of(network, apart, bars, config)))
    rival_block = timed("egarch_t fitted to each", lambda: egarch(apart, bars, config))
    rival = timed("forecast", lambda: scores(rival_block.forecast(bars.test)))
    report(own, rival)


def with_years(config: ExperimentConfig, years: int) -> ExperimentConfig:
    """The config with a test span of the years to 2017, the year before it to validate on, and yearly refits."""
    assert isinstance(config.model, NetworkSettings)
    first = 2018 - years
    splits = replace(
        config.splits,
        train_end=date(first - 2, 12, 30),
        validation_end=date(first - 1, 12, 31),
        test_start=date(first, 1, 2),
        test_end=date(2017, 12, 7),
    )
    return config.model_copy(update={"splits": splits, "model": replace(config.model, refit="yearly")})


def fitted_on(panel: Panel, bars: SplitBars, config: ExperimentConfig) -> FittedBlock:
    return fit_model(config.model, panel, feature_table(panel, config.features.groups, ()), bars, config)


def forecasts_of(network: FittedBlock, panel: Panel, bars: SplitBars, config: ExperimentConfig) -> ForecastBook:
    """Forecast stocks that the network was not trained on."""
    assert isinstance(config.model, NetworkSettings)
    table = feature_table(panel, config.features.groups, ())
    factors = config.model.trailing_factors
    histories = build_histories(panel, network.fitted.windows, table=table, n_factors=factors)
    return forecast_sessions(network.fitted, histories, bars.test)


def egarch(panel: Panel, bars: SplitBars, config: ExperimentConfig) -> FittedBlock:
    settings = EgarchSettings(horizon=config.model.horizon)
    return fit_model(settings, panel, feature_table(panel, config.features.groups, ()), bars, config)


def report(own: Scores, rival: Scores) -> None:
    """Print both models' means, their difference, its t, and the share of stocks on which the network is better."""
    for name, one in (("network of other stocks", own), ("egarch_t of each stock", rival)):
        figures = {
            "nll": -np.nanmean(one.log_density),
            "joint_nll_a_stock": -one.joint,
            "crps_bp": np.nanmean(one.crps),
        }
        print(json.dumps({"model": name, **{key: round(float(value), 5) for key, value in figures.items()}}))
    difference = rival.log_density - own.log_density
    session, stock = np.nonzero(np.isfinite(difference))
    tested = clustered_difference(difference[session, stock], session)
    by_stock = np.array([difference[session[stock == one], one].mean() for one in np.unique(stock)])
    print(
        json.dumps(
            {
                "stocks": len(by_stock),
                "stock_days": len(stock),
                "difference_nats": round(tested.mean, 5),
                "clustered_t": round(tested.t, 2),
                "share_of_stocks_better": round(float((by_stock < 0.0).mean()), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
