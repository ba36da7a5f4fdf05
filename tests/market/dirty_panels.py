"""A small panel that holds everything a panel can hold, and every number that is easily lost on the way to a disk."""

from datetime import date

import numpy as np
import pandas as pd

from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.card import DataCard, Declaration, SilenceRule
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

SYMBOLS = ("NA", "NAN", "TRUE", "1E5", "007", "MAR 1", "../../etc", "Ü\udc80\n")
FIELDS = ("open", "high", "low", "close", "volume")


def dirty_panel(n_sessions: int = 40, seed: int = 0) -> Panel:
    """Eight assets on weekdays from 2020-01-01: a late listing, a halt, gaps, a delisting, and strange numbers."""
    generator = np.random.default_rng(seed)
    sessions = pd.DatetimeIndex(pd.bdate_range("2020-01-01", periods=n_sessions), name="session")
    shape = n_sessions, len(SYMBOLS)
    status = np.full(shape, CellStatus.TRADED, dtype=np.int8)
    status[: n_sessions // 4, 1] = CellStatus.UNLISTED
    status[10:13, 2] = CellStatus.HALTED
    status[n_sessions // 2, 3:5] = CellStatus.MISSING
    status[n_sessions // 2 :, 5] = CellStatus.DELISTED
    prices = np.exp(generator.normal(3, 1, shape))
    fields = {name: np.where(status == CellStatus.TRADED, prices + at, np.nan) for at, name in enumerate(FIELDS)}
    fields["open"][3, 0], fields["open"][4, 0], fields["volume"][5, 0] = -0.0, 5e-324, np.inf
    fields["low"][6, 0] = np.nan
    return Panel(
        sessions=sessions,
        known_at=(sessions + pd.Timedelta(hours=21)).rename("close").tz_localize("UTC"),
        assets=SYMBOLS,
        fields=fields,
        status=status,
        sectors={"NA": "Energy", "007": "Ütilities"},
        card=DataCard(
            Declaration(
                source="made by a test",
                timezone="America/New_York",
                frequency="1D",
                adjustment="raw",
                calendar="XNYS",
                as_of=date(2030, 1, 1),
                licence="none needed",
                notes=("One.", "Two."),
            ),
            fields=FIELDS,
            fingerprint="sha256:made-by-a-test",
        ),
        faults=(DataFault("duplicate", "NA", date(2020, 1, 2), date(2020, 1, 3), 2, 'line 3 of "x.csv"'),),
        silence=SilenceRule(7, {"MAR 1": date(2020, 1, 20)}),
        actions=CorporateActions(
            splits=(Split(date(2020, 1, 9), "NA", 31 / 1000),),
            dividends=(CashDividend(date(2020, 1, 10), "TRUE", 0.1, date(2020, 2, 1)),),
            renames=(Rename(date(2020, 1, 13), "007", "008"),),
            delistings=(Delisting(date(2020, 1, 20), "MAR 1", None), Delisting(date(2020, 1, 21), "1E5", 0.0)),
        ),
        members=generator.random(shape) < 0.7,
    )


def bits(values: np.ndarray) -> bytes:
    """The bytes of an array, so that every NaN and every zero is told apart."""
    return np.ascontiguousarray(values).tobytes()


def differences(one: Panel, other: Panel) -> list[str]:
    """The names of the parts in which two panels differ, to the last bit."""
    parts = ("assets", "sectors", "card", "faults", "silence", "actions")
    found = [name for name in parts if getattr(one, name) != getattr(other, name)]
    for name in ("sessions", "known_at"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if not (mine.equals(theirs) and mine.dtype == theirs.dtype and mine.name == theirs.name):
            found.append(name)
    if (one.members is None) != (other.members is None):
        found.append("members")
    arrays = {"status": (one.status, other.status), "eligible": (one.eligible, other.eligible)}
    arrays |= {name: (one.fields[name], other.fields.get(name, np.zeros(0))) for name in one.fields}
    found += [name for name, (mine, theirs) in arrays.items() if bits(mine) != bits(theirs)]
    return found + sorted(set(one.fields) ^ set(other.fields))
