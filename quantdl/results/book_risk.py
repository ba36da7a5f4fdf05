"""The typed record of the risk of a book: every figure that `quantdl risk` leaves behind."""

from dataclasses import asdict, dataclass, fields
from datetime import date

import pandas as pd

from quantdl.risk.book.figures import BookFigures, LevelFigures, PartFigures, PositionFigures
from quantdl.risk.book.liquidation import Liquidation, PositionExit
from quantdl.risk.book.trades import Hedge, WhatIf
from quantdl.risk.stress.record import StressReport


@dataclass(frozen=True)
class BookBasis:
    """What the figures rest on.

    Attributes:
        session: At whose close the book is looked at; nothing later was read.
        next_session: The next one of the calendar; None where the calendar ends.
        positions: Where the book was read.
        config: Name of the config that names data and model.
        model: Kind of the model.
        fitted_through: Last session that its fit saw.
        draws: Joint draws.
        seed: Of the draws, and of what is random in the fit.
        data: Source of the prices.
        fingerprint: Of the prices up to the session.
        currency: Of the book; None where the prices state none.
    """

    session: date
    next_session: date | None
    positions: str
    config: str
    model: str
    fitted_through: date
    draws: int
    seed: int
    data: str
    fingerprint: str
    currency: str | None


@dataclass(frozen=True)
class HeldPosition:
    """One position.

    Attributes:
        asset: Symbol.
        group: Of it; empty for none.
        value: Money, negative if sold short.
        weight: Fraction of equity.
    """

    asset: str
    group: str
    value: float
    weight: float


@dataclass(frozen=True)
class Trade:
    """A trade that was asked about, and what it would do.

    Attributes:
        bought: Money bought by asset, negative for sold, as pairs.
        effects: By level, over the next bar.
    """

    bought: tuple[tuple[str, float], ...]
    effects: tuple[WhatIf, ...]


@dataclass(frozen=True)
class BookRiskRecord:
    """The risk of a book.

    Attributes:
        basis: What the figures rest on.
        equity: Money.
        cash: Money that is not invested.
        gross: Sum of the sizes of all positions, as a fraction of equity.
        net: Sum of all positions, as a fraction of equity.
        held: The positions, largest first.
        figures: By level, window, position, group and factor.
        liquidation: Leaving the book.
        hedge: The trade in one instrument that most reduces the shortfall of the next bar; None where none
            does, or where too little is known of the book.
        hedge_level: Level of that shortfall.
        trade: The trade that was asked about; None for none, or where too little is known of the book.
        stress: What the book loses in crises of the past, events and shocks; None where none was asked for.
        notes: What a reader must not overlook.
    """

    basis: BookBasis
    equity: float
    cash: float
    gross: float
    net: float
    held: tuple[HeldPosition, ...]
    figures: BookFigures
    liquidation: Liquidation
    hedge: Hedge | None
    hedge_level: float
    trade: Trade | None = None
    stress: StressReport | None = None
    notes: tuple[str, ...] = ()


def book_risk_tables(record: BookRiskRecord) -> dict[str, pd.DataFrame]:
    """Lay the figures out as tables, by name: ``levels, positions, groups, factors, liquidation, stress``.

    A table without a row has its columns all the same: of a book of which no level is reached there are no positions.

    Args:
        record: Of a book.
    """
    figures = record.figures
    tables = {
        "levels": _table(figures.levels, LevelFigures),
        "positions": _table(figures.positions, PositionFigures),
        "groups": _table(figures.groups, PartFigures),
        "factors": _table(figures.factors, PartFigures),
        "liquidation": _table(record.liquidation.positions, PositionExit),
    }
    return tables if record.stress is None else tables | {"stress": _stress_table(record.stress)}


def _stress_table(found: StressReport) -> pd.DataFrame:
    """One row a scenario, without its positions and further figures."""
    numbers = ("loss", "error", "effective_number", "probability", "probability_error")
    columns = ("name", "kind", "basis", *numbers, "why_not")
    return pd.DataFrame([{column: getattr(row, column) for column in columns} for row in found.rows], columns=columns)


def _table(rows: tuple[object, ...], kind: type) -> pd.DataFrame:
    """One row a record; the parts of a nested record are columns ``outer_inner``."""
    if not rows:
        return pd.DataFrame(columns=[item.name for item in fields(kind)])
    return pd.DataFrame([_flat(asdict(row)) for row in rows])  # type: ignore[call-overload]  # all are dataclasses


def _flat(plain: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            found |= {f"{name}_{inner}": own for inner, own in value.items()}
        else:
            found[name] = value
    return found
