"""What a fit reads beside its model, its prices and its spans: of a config, or said without one."""

from dataclasses import dataclass

from quantdl.config import ExperimentConfig, ForecastConfig, RiskConfig
from quantdl.config.config_fault import dotted
from quantdl.sequences import Begins
from quantdl.training.settings import TrainingSettings


@dataclass(frozen=True)
class FitTerms:
    """What a fit reads beside its model, its prices and its spans.

    Attributes:
        seed: Of everything random in it.
        training: How networks are fitted.
        begins: Price at which positions are filled, from which their returns run; None for a book that is held already,
            so that each of its windows begins at the close of the forecast.
        config: That says all this, for its file of groups and for where the state of an unfinished training is kept;
            None where there is none: then groups are those that the model states, and no state is kept.
    """

    seed: int
    training: TrainingSettings = TrainingSettings()
    begins: Begins | None = "close"
    config: ForecastConfig | None = None

    @staticmethod
    def of(config: "ForecastConfig | FitTerms") -> "FitTerms":
        """Return what a config of a run, or of the risk of a book, says; terms as they are."""
        if isinstance(config, FitTerms):
            return config
        return FitTerms(config.seed, config.training, _begins(config), config)

    def where(self, *keys: str | int) -> str:
        """Return the place of a key for a message: in the config, or the argument of the same name."""
        return dotted(keys[-1:]) if self.config is None else self.config.where(*keys)


def position_begins(config: ExperimentConfig) -> Begins:
    """At what positions of a config are filled, from which their returns run: the next close, or the next open."""
    return "open" if config.plan.friction.fill_at == "next_open" else "close"


def _begins(config: ForecastConfig) -> Begins | None:
    if isinstance(config, RiskConfig):
        return None
    assert isinstance(config, ExperimentConfig)  # the other kind of config that names a model
    return position_begins(config)
