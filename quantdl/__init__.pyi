from . import (
    audit as audit,
    backtest as backtest,
    bounds as bounds,
    calendars as calendars,
    cli as cli,
    config as config,
    disk as disk,
    distributions as distributions,
    errors as errors,
    experiment as experiment,
    features as features,
    interface as interface,
    market as market,
    models as models,
    portfolio as portfolio,
    records as records,
    relations as relations,
    report as report,
    results as results,
    risk as risk,
    runs as runs,
    scoring as scoring,
    sequences as sequences,
    shown as shown,
    simulation as simulation,
    training as training,
)
from .interface.laws import Laws as Laws
from .interface.prices import Prices as Prices
from .interface.reading import load_sp500 as load_sp500

__version__: str
