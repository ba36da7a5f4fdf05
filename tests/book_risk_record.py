"""A record of the risk of a book, by hand, with a name that would be a tag and figures that are easy to find."""

from dataclasses import replace
from datetime import date

from quantdl.results.book_risk import BookBasis, BookRiskRecord, HeldPosition, Trade
from quantdl.risk.book.figures import BookFigures, LevelFigures, MemberRange, PartFigures, PositionFigures
from quantdl.risk.book.liquidation import liquidation
from quantdl.risk.book.trades import Change, Hedge, WhatIf

HOSTILE = "<b>1E5"


NO_COMPONENTS = "contributions to value at risk at level 0.975 need at least 20 scenarios around it"


def without_components(record: BookRiskRecord) -> BookRiskRecord:
    """Return a record in which nothing is known of what adds to value at risk."""
    nothing = {"value_at_risk": None, "value_at_risk_error": None, "value_at_risk_reason": NO_COMPONENTS}
    figures = record.figures
    positions = tuple(replace(one, **nothing, value_at_risk_marginal=None) for one in figures.positions)
    groups, factors = (tuple(replace(one, **nothing) for one in rows) for rows in (figures.groups, figures.factors))
    return replace(record, figures=replace(figures, positions=positions, groups=groups, factors=factors))


def by_hand() -> BookRiskRecord:
    """Two positions, one of them short, at one level that is told and one that is not."""
    change = Change(0.03, 0.02, -0.01, 0.0002)
    reason = "level 0.99 needs at least 100 observations, got 60 past returns of 007"
    members = MemberRange(0.018, 0.022, 0.002, 0.1), MemberRange(0.027, 0.033, 0.0024, 0.08)
    return BookRiskRecord(
        basis=BookBasis(
            session=date(2022, 12, 28),
            next_session=date(2022, 12, 29),
            positions="book.csv",
            config="risk",
            model="market_states",
            fitted_through=date(2022, 12, 28),
            draws=100_000,
            seed=7,
            data="a source",
            fingerprint="sha256:00",
            currency="USD",
        ),
        equity=1000.0,
        cash=400.0,
        gross=1.0,
        net=0.6,
        held=(HeldPosition(HOSTILE, "Tech", 800.0, 0.8), HeldPosition("007", "", -200.0, -0.2)),
        figures=BookFigures(
            levels=(
                LevelFigures(1, 0.975, 0.02, 0.0001, 0.03, 0.0002, "", *members),
                LevelFigures(1, 0.99, None, None, None, None, reason),
            ),
            positions=(
                PositionFigures(1, 0.975, HOSTILE, "Tech", 0.8, 0.0234, 1e-4, 0.03, 0.0223, 0.0345, 2e-4, 0.04, 0.0334),
                PositionFigures(1, 0.975, "007", "", -0.2, -0.0034, 1e-4, 0.02, None, -0.0045, 2e-4, 0.02, None),
            ),
            groups=(PartFigures(1, 0.975, "Tech", 0.8, 0.0234, 1e-4, 0.0345, 2e-4),),
            factors=(PartFigures(1, 0.975, "own moves", None, 0.02, 1e-4, 0.03, 2e-4),),
        ),
        liquidation=liquidation({HOSTILE: 0.8, "007": -0.2}, 1000.0, {HOSTILE: 100.0}, 0.1, 2.0),
        hedge=Hedge("KO", -0.5, change),
        hedge_level=0.99,
        trade=Trade((("KO", -50.0),), (WhatIf(0.975, change, change),)),
        notes=("The law leaves out what is held.",),
    )
