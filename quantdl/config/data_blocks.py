"""The ``data:`` block and the ``exogenous:`` list: the settings of `quantdl.market`, with their paths checked."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from quantdl.config.data_paths import path_faults
from quantdl.errors import FieldFaults
from quantdl.market.series.declaration import SeriesFile
from quantdl.market.sources.settings import PriceSettings

Settings = TypeVar("Settings")


def _with_paths_checked(settings: Settings) -> Settings:
    faults = [*path_faults(settings)]
    if faults:
        raise FieldFaults(*faults)
    return settings


DataConfig = Annotated[PriceSettings, Field(discriminator="kind"), AfterValidator(_with_paths_checked)]
SeriesConfig = Annotated[SeriesFile, AfterValidator(_with_paths_checked)]
