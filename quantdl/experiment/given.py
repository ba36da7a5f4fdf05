"""Parts of a run that are at hand in Python already, in place of what its config names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quantdl.audit.outside_data import OutsideData
from quantdl.backtest import Strategy
from quantdl.config import ExperimentConfig, configured_strategy
from quantdl.experiment.models import FittedBlock
from quantdl.experiment.preparation import LoadedData, SourceData, data_of, load_data, read_sources, source_of
from quantdl.market.panel import Panel
from quantdl.training.forecasting import ForecastBook


@dataclass(frozen=True, eq=False)
class Given:
    """What was handed over; what is None is made as the config says.

    Attributes:
        strategy: Makes a new strategy.
        panel: Prices as loaded.
        fitted: The model, fitted as the config says on these prices.
        book: Its laws.
        outside: What the strategy reads from outside its view, by name.
        reading: Given other values of what it reads from outside, makes a strategy that reads those.
        unseen: Why nothing can be shown of something that it reads from outside, a sentence each.
    """

    strategy: Callable[[], Strategy] | None = None
    panel: Panel | None = None
    fitted: FittedBlock | None = None
    book: ForecastBook | None = None
    outside: Mapping[str, OutsideData] = field(default_factory=dict)
    reading: Callable[[Mapping[str, object]], Strategy] | None = None
    unseen: tuple[str, ...] = ()

    def new_strategy(self, config: ExperimentConfig) -> Strategy:
        """Return a new strategy, as a run begins with one."""
        return configured_strategy(config) if self.strategy is None else self.strategy()

    def sources(self, config: ExperimentConfig) -> SourceData:
        """Return what the sources say; nothing is kept of it."""
        return read_sources(config, keep_ingest=False) if self.panel is None else source_of(config, self.panel)

    def data(self, config: ExperimentConfig, keep_ingest: bool = True) -> LoadedData:
        """Return the data as a run uses them; see `quantdl.experiment.preparation.load_data`."""
        return load_data(config, keep_ingest) if self.panel is None else data_of(config, self.sources(config))


NOTHING: Given = Given()
"""Everything is made as the config says."""
