"""Simulated prices as panels on a real calendar."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.market.actions import CorporateActions
from quantdl.market.card import Adjustment, DataCard, Declaration, SilenceRule, content_fingerprint
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

_FIRST_SESSION = "2000-01-03"
_NO_ACTIONS = CorporateActions()


def simulated_sessions(n_sessions: int) -> pd.DatetimeIndex:
    """Return the first ``n_sessions`` XNYS sessions from 2000-01-03 on."""
    years = n_sessions // 250 + 2
    last = pd.Timestamp(_FIRST_SESSION) + pd.DateOffset(years=years)
    return trading_calendar("XNYS").sessions(_FIRST_SESSION, last)[:n_sessions]


def asset_names(n_assets: int) -> tuple[str, ...]:
    """Return the symbols of simulated assets: SIM000, SIM001 ..."""
    return tuple(f"SIM{number:03d}" for number in range(n_assets))


def panel_of_closes(closes: np.ndarray) -> Panel:
    """A panel on XNYS sessions from closes (T, A); NaN is MISSING, or UNLISTED before an asset's first close."""
    traded = np.isfinite(closes)
    listed = np.cumsum(traded, axis=0) > 0
    status = np.where(traded, CellStatus.TRADED, np.where(listed, CellStatus.MISSING, CellStatus.UNLISTED))
    return panel_of_cells(closes, status.astype(np.int8))


def panel_of_cells(
    closes: np.ndarray,
    status: np.ndarray,
    adjustment: Adjustment = "total_return",
    actions: CorporateActions = _NO_ACTIONS,
    ended: Mapping[str, date] | None = None,
) -> Panel:
    """A panel on XNYS sessions from closes and the status of every cell.

    Args:
        closes: (T, A), NaN where the status is not TRADED.
        status: (T, A) codes of `CellStatus`.
        adjustment: What the closes are adjusted for.
        actions: What happened to the assets.
        ended: Last day of the listing by symbol, for those that ended.
    """
    sessions = simulated_sessions(len(closes))
    assets = asset_names(closes.shape[1])
    fields = {"close": closes}
    card = DataCard(
        Declaration(
            source="quantdl.simulation",
            timezone="America/New_York",
            frequency="1D",
            adjustment=adjustment,
            calendar="XNYS",
            as_of=date(2000, 1, 1),
            licence="Apache-2.0",
            universe="point_in_time",
        ),
        fields=("close",),
        fingerprint=content_fingerprint(sessions, assets, fields, status),
    )
    known_at = trading_calendar("XNYS").closes(sessions)
    silence = SilenceRule(ended=dict(ended or {}))
    return Panel(sessions, known_at, assets, fields, status, {}, card, silence=silence, actions=actions)
