"""Where prices come from.

`load_csv_folder`, `load_parquet` and `panel_from_frame` read what a user brings; `load_sp500` is the data that comes
with the installation; `load_lean` reads unadjusted bars with Lean's files of splits, dividends and renames
(`quantdl.market.corporate.attachment.with_actions` puts a user's own on prices that lack them). `load_prices` loads
what settings describe, through the cache.

A new source is one file in this package: turn what it has into frames, hand each to
`quantdl.market.reading.bars.read_bars`, and the list to `quantdl.market.reading.assembly.assemble`; then its settings
in `quantdl.market.sources.settings`, and its arm in `quantdl.market.sources.loading`.
"""

import lazy_loader

# The names and where they live are written in __init__.pyi: each loads when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
