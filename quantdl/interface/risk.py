"""The risk of a book under laws that a model made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from quantdl.config.arguments import Arguments, path_of
from quantdl.config.config_fault import dotted
from quantdl.config.risk_schema import Draws, Level, LiquiditySettings, too_few_draws
from quantdl.errors import ConfigError, DataError, did_you_mean
from quantdl.experiment.book_risk import BookLaws, RiskTerms, risk_under, scenarios_of_book, unknown_in_scenarios
from quantdl.interface.days import Day, day_of
from quantdl.interface.drawing import Figure, drawn_losses
from quantdl.interface.laws import Laws
from quantdl.report import charts
from quantdl.report.book_risk import write_book_risk_report
from quantdl.report.formatting import PERCENT, figure, headline, stated
from quantdl.results.book_risk import BookRiskRecord, book_risk_tables
from quantdl.risk.book.figures import LevelFigures
from quantdl.risk.book.positions import (
    CASH,
    Position,
    Positions,
    ValuedBook,
    is_finite_number,
    read_positions,
    repeated,
    valued,
)
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.settings import StressSettings
from quantdl.sequences import NEXT_SESSION
from quantdl.shown import block, counted, facts, note, table, title

Book = Mapping[str, float] | pd.Series | Positions | Path | str
"""Money by asset (``"CASH"`` for what is not invested), ``"equal"`` for the same in every asset that the law covers,
positions, or a CSV file of them (`quantdl.risk.book.positions.read_positions`)."""

EQUAL = "equal"
_SHOWN = 12


@dataclass(frozen=True)
class _Choices:
    """What may be asked for."""

    level: Level = 0.99
    draws: Draws = 100_000
    liquidity: LiquiditySettings = LiquiditySettings()
    stress: StressSettings | None = None


@dataclass(frozen=True, eq=False, repr=False)
class BookRisk:
    """The risk of a book over the next session; fractions of equity, positive when money is lost.

    Of a book with a position that the law leaves out, and whose own past is too short for the level, there is no
    figure: ``record`` and ``tables`` say why, and whatever asks for one is refused with a `DataError` that says it.

    Attributes:
        record: Every figure, as `quantdl risk` leaves them behind.
        level: Confidence level.
        held: The book in money.
        redraw: Draws the joint returns again that the figures are read off.
    """

    record: BookRiskRecord
    level: float
    held: ValuedBook
    redraw: Callable[[], Scenarios]

    @property
    def scenarios(self) -> Scenarios:
        """Joint returns of the assets that the figures are read off, ``basis.draws`` of them, drawn at each call."""
        return self.redraw()

    @property
    def value_at_risk(self) -> float:
        """Loss that is not exceeded with probability ``level``."""
        return self._defined(self._figures.value_at_risk)

    @property
    def value_at_risk_error(self) -> float:
        """Standard error of it, of the simulation."""
        return self._defined(self._figures.value_at_risk_error)

    @property
    def expected_shortfall(self) -> float:
        """Mean of the worst ``1 - level`` share of the losses."""
        return self._defined(self._figures.expected_shortfall)

    @property
    def expected_shortfall_error(self) -> float:
        """Standard error of it, of the simulation."""
        return self._defined(self._figures.expected_shortfall_error)

    @property
    def contributions(self) -> pd.DataFrame:
        """What each position adds, the largest component of expected shortfall first; see `PositionFigures`."""
        self._refuse_undefined()
        return self.tables["positions"].set_index("asset")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All figures as tables: levels, positions, groups, factors, liquidation, and stress where it was asked for."""
        return book_risk_tables(self.record)

    def report(self, path: Path | str) -> Path:
        """Write all of it as one HTML file that opens offline.

        Args:
            path: The file; it is replaced.

        Raises:
            ConfigError: If the file is no path.
            RunError: If the disk refuses.
        """
        return write_book_risk_report(self.record, path_of(path, "path", "the path of a new HTML file"))

    def plot(self) -> Figure:
        """Draw the losses of the book with its value at risk and expected shortfall."""
        self._refuse_undefined()
        weights = torch.from_numpy(self.held.weights)
        when = f"the session after {self.record.basis.session}"
        return drawn_losses(self.scenarios, weights, self.level, f"Losses of the book in {when}")

    def plot_contributions(self) -> Figure:
        """Draw what each position adds to the expected shortfall."""
        self._refuse_undefined()
        parts = {one.asset: one.expected_shortfall for one in self.record.figures.positions}
        what = f"What each position adds to the expected shortfall at {stated(self.level)}"
        return charts.figure(charts.components("chart-contributions", what, parts))

    def __repr__(self) -> str:
        """Return the figures, in a line."""
        basis = self.record.basis
        if self._figures.reason:
            return f"Risk of {basis.positions} after {basis.session}: undefined: {self._figures.reason}"
        limit, shortfall = (
            f"{headline(value, PERCENT)} ± {figure(error, PERCENT)}"
            for value, error in (
                (self.value_at_risk, self.value_at_risk_error),
                (self.expected_shortfall, self.expected_shortfall_error),
            )
        )
        return (
            f"Risk of {basis.positions} in the session after {basis.session}, {stated(self.level)}: "
            f"VaR {limit}, ES {shortfall} of {self.record.equity:,.2f}"
        )

    def _repr_html_(self) -> str:
        record, basis = self.record, self.record.basis
        pairs: dict[str, object] = {
            "after the close of": basis.session,
            "model": f"{basis.model}, fitted through {basis.fitted_through}; {basis.draws:,} draws, seed {basis.seed}",
            "equity": f"{record.equity:,.2f} {basis.currency or ''}",
        }
        one = self._figures
        if one.reason:
            pairs["risk"] = f"undefined: {one.reason}"
            return block(title(f"Risk of {basis.positions}"), facts(pairs))
        money = record.equity
        figures = (
            ("Value at risk", self.value_at_risk, self.value_at_risk_error),
            ("Expected shortfall", self.expected_shortfall, self.expected_shortfall_error),
        )
        rows = [
            [name, headline(value, PERCENT), f"± {figure(error, PERCENT)}", f"{value * money:,.2f}"]
            for name, value, error in figures
        ]
        parts = [
            [own.asset, *map(_percent, (own.weight, own.value_at_risk, own.expected_shortfall))]
            for own in record.figures.positions[:_SHOWN]
        ]
        n_more = len(record.figures.positions) - len(parts)
        more = f"{counted(n_more, 'more position')}. " if n_more > 0 else ""
        hint = f"{more}Components add up to the figure of the book. risk.plot(), risk.tables, risk.report(path)."
        reasons = {own.value_at_risk_reason for own in record.figures.positions} - {""}
        unknown = [f"What adds to value at risk is undefined: {reason}." for reason in reasons]
        return block(
            title(f"Risk of {basis.positions} in the next session"),
            facts(pairs),
            table((f"at {stated(self.level)}", "of equity", "standard error", "money"), rows),
            table(("Position", "weight, %", "adds to VaR, %", "adds to ES, %"), parts),
            note(" ".join([hint, *unknown, *record.notes])),
        )

    @property
    def _figures(self) -> LevelFigures:
        return self.record.figures.levels[0]

    def _defined(self, figure: float | None) -> float:
        self._refuse_undefined()
        assert figure is not None  # or there is a reason
        return figure

    def _refuse_undefined(self) -> None:
        """Refuse what rests on figures that there are none of.

        Raises:
            DataError: With the reason.
        """
        basis, reason = self.record.basis, self._figures.reason
        if reason:
            raise DataError(
                f"The risk of {basis.positions} after {basis.session} is undefined: {reason}. Fix: ask for a lower "
                "level, or take out the position whose past is that short."
            )


def risk(
    book: Book,
    laws: Laws,
    *,
    level: float = 0.99,
    at: Day | None = None,
    draws: int = 100_000,
    liquidity: LiquiditySettings = LiquiditySettings(),  # noqa: B008 - frozen
    stress: StressSettings | None = None,
) -> BookRisk:
    """Return the risk of a book that is held at a close, over the next session; nothing after the close is read.

    The figures are those of `quantdl risk`, under the laws that are given instead of a model fitted for it.

    Args:
        book: Money by asset, ``"CASH"`` for what is not invested; ``"equal"``; or positions, see `Book`.
        laws: Of a model, see `quantdl.interface.laws.Laws`.
        level: Confidence, .99 not .01.
        at: Session of the laws; None for the last one.
        draws: Joint draws.
        liquidity: How long and how costly it is to leave the book.
        stress: Scenarios that the book is put through; None for none.

    Raises:
        ConfigError: If a level, a number of draws, a day, or something in ``liquidity`` or ``stress`` cannot be, or
            scenarios name what is not there.
        DataError: With every position that cannot be valued.
        RunError: If there is no law for the session.

    Example:
        ``risk({"AAPL": 60_000, "JPM": 40_000}, laws, level=0.99).value_at_risk``
    """
    call = Arguments("risk")
    chosen = call.read(_Choices, {"level": level, "draws": draws, "liquidity": liquidity, "stress": stress})
    if not isinstance(laws, Laws):
        call.add("laws", f"given {type(laws).__name__}; expected what a fitted model's forecast returns")
    if not isinstance(book, Mapping | pd.Series | Positions | Path | str):
        call.add("book", f"given {type(book).__name__}; expected money by asset, 'equal', or the path of a CSV file")
    call.refuse_faults()
    assert chosen is not None  # or there was a fault
    level, draws, liquidity, stress = chosen.level, chosen.draws, chosen.liquidity, chosen.stress
    for fault in too_few_draws(draws, level):
        raise ConfigError(f"draws: {fault}.")
    session = laws.book.through if at is None else pd.Timestamp(day_of(at, "at"))
    law = laws.book.law(session, NEXT_SESSION).to("cpu")
    loaded, panel = laws.panel.until(session), laws.data.panel.until(session)
    data = replace(laws.data, panel=panel, returns=laws.data.returns.until(session))
    held = valued(_positions(book, laws, session), panel, panel.sessions[-1])
    faults = [f"{dotted(('stress', *keys))}: {message}" for keys, message in unknown_in_scenarios(stress, held)]
    if faults:
        raise ConfigError("\n".join(faults))
    terms = RiskTerms(laws.settings.kind, laws.seed, (level,), draws, liquidity, stress)
    through = [one for one in laws.fitted.fitted.fitted_through if one <= laws.book.made_at(session)][-1]
    source = _name(book)
    record = risk_under(terms, loaded, data, held, BookLaws({1: law}, laws.assets, through), source)
    return BookRisk(record, level, held, partial(scenarios_of_book, terms, data, held, law, 1))


def _percent(fraction: float | None) -> str:
    return "undefined" if fraction is None else figure(fraction, PERCENT)


def _name(book: Book) -> str:
    if isinstance(book, Positions):
        return book.source
    if isinstance(book, Mapping | pd.Series):
        return "the book"
    return "equal weight" if book == EQUAL else str(book)


def _positions(book: Book, laws: Laws, session: pd.Timestamp) -> Positions:
    """A book in the form in which files state it."""
    if isinstance(book, Positions):
        return book
    if isinstance(book, str) and book == EQUAL:
        present = laws.book.law(session, NEXT_SESSION).present[0].tolist()
        known = [asset for asset, is_there in zip(laws.assets, present, strict=True) if is_there]
        return Positions(tuple(Position(asset, value=1.0 / len(known)) for asset in known), 0.0, "book")
    if isinstance(book, str | Path):
        if isinstance(book, str) and not Path(book).suffix:
            raise ConfigError(
                f"book: given {book!r}; expected money by asset, the word 'equal', or the path of a CSV file"
                f"{did_you_mean(book, [EQUAL]) or '.'}"
            )
        return read_positions(path_of(book, "book"))
    rows = [(str(asset), _money(asset, value)) for asset, value in book.items()]
    twice = [f"book: {fault}." for fault in repeated(asset for asset, _ in rows)]
    if twice:
        raise DataError("\n".join(twice))
    money = dict(rows)
    cash = money.pop(CASH, 0.0)
    return Positions(tuple(Position(asset, value=value) for asset, value in money.items()), cash, "book")


def _money(asset: object, value: object) -> float:
    if not is_finite_number(value):
        raise ConfigError(f"book: {asset}: given {value!r}; expected money, a finite number such as -1200.5.")
    return float(value)
