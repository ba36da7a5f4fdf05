"""From a panel to batches: histories of unequal length, gathered by index from one tensor that stays on the device.

Two ways lead from a panel to batches. `Histories` keep all assets of a session together, for models of their joint law.
`WindowLoader` cuts windows of one asset each, for models of one asset at a time and panels larger than memory.
"""

from quantdl.sequences.batch import Batch
from quantdl.sequences.histories import Histories, build_histories
from quantdl.sequences.loader import WindowLoader
from quantdl.sequences.observed_bars import ObservedBars
from quantdl.sequences.permutation import KeyedPermutation
from quantdl.sequences.returns import (
    NEXT_SESSION,
    Begins,
    ReturnWindow,
    forecast_windows,
    position_window,
    realised_returns,
)
from quantdl.sequences.stored_bars import StoredBars, open_bars, store_bars
from quantdl.sequences.window_batch import LoaderState, Shard, WindowBatch, one_asset_batch

__all__ = [
    "NEXT_SESSION",
    "Batch",
    "Begins",
    "Histories",
    "KeyedPermutation",
    "LoaderState",
    "ObservedBars",
    "ReturnWindow",
    "Shard",
    "StoredBars",
    "WindowBatch",
    "WindowLoader",
    "build_histories",
    "forecast_windows",
    "one_asset_batch",
    "open_bars",
    "position_window",
    "realised_returns",
    "store_bars",
]
