import types
import typing

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
    plan as plan,
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
from .backtest.plan.items import Plan as Plan
from .backtest.running.decisions import (
    Decision as Decision,
    Hold as Hold,
    Order as Order,
    Orders as Orders,
    PositionExits as PositionExits,
)
from .backtest.running.view import MarketView as MarketView
from .config.loading import load_config as load_config
from .features.settings import FeatureSettings as FeatureSettings
from .interface.laws import Laws as Laws
from .interface.models import (
    Bayesian as Bayesian,
    DccT as DccT,
    EgarchSkewT as EgarchSkewT,
    EgarchT as EgarchT,
    Ensemble as Ensemble,
    EwmaT as EwmaT,
    FilteredHistorical as FilteredHistorical,
    Flow as Flow,
    GarchSkewT as GarchSkewT,
    GarchT as GarchT,
    GjrSkewT as GjrSkewT,
    GjrT as GjrT,
    Graph as Graph,
    Historical as Historical,
    LedoitWolfT as LedoitWolfT,
    MarketStates as MarketStates,
    SectorTree as SectorTree,
    Transformer as Transformer,
)
from .interface.prices import Prices as Prices
from .interface.reading import load_sp500 as load_sp500, read_prices as read_prices
from .interface.results import Result as Result
from .interface.risk import BookRisk as BookRisk
from .interface.roads import (
    evaluate as evaluate,
    forecast_as_of as forecast_as_of,
    read_run as read_run,
    run as run,
    sweep as sweep,
)
from .interface.storing import load_model as load_model, save_model as save_model
from .market.card import IntradayBars as IntradayBars
from .market.inspection.policies import Policies as Policies
from .market.sources.file_format import FileFormat as FileFormat
from .market.universe.rule import UniverseRule as UniverseRule
from .portfolio.limits import within_limits as within_limits
from .risk.stress.settings import StressSettings as StressSettings
from .training.settings import SplitDates as SplitDates

class CalledPackage(types.ModuleType):
    def __call__(self, *given: typing.Any, **named: typing.Any) -> typing.Any: ...  # noqa: ANN401

__version__: str
