"""A sweep over parameters of a strategy: every set of a config's ``sweep`` played under its plan, and counted.

Each set is a full backtest. A strategy that offers ``targets`` is played as a table, in one compiled pass for each set
over prices that are laid out once; any other is asked at each close. Every set that was played is a trial in the
ledger, with its returns, so how good the best of them looks is judged by how many there were and how alike they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quantdl.backtest import equal_weight_baseline, market_history
from quantdl.backtest.running.asking import ask_targets, play_strategy
from quantdl.backtest.running.sweep import TablePlayer
from quantdl.backtest.running.targets import TargetTable, offers_targets
from quantdl.calendars.labels import bar_text
from quantdl.config import ExperimentConfig, ParameterSet, swept_strategies
from quantdl.errors import ConfigError, QuantdlError, RunError
from quantdl.experiment.curves import curve_from_the_start, measured_curve
from quantdl.experiment.grid_table import GridTable, SetRow
from quantdl.experiment.sweep_world import SweepWorld, open_world
from quantdl.experiment.trials import (
    SeenTrial,
    checked_ledger,
    entry_of_a_sweep,
    ledger_of,
    record_all,
    seen_curve,
    selection_of,
)
from quantdl.training.fit import Progress

BLOCK = 256
"""Sets that are written into the ledger at once: one file of returns, one write, one fsync."""

_AGREE = 1e-9  # relative, of equity at each close: how far a table and `decide` may be apart by rounding


@dataclass(frozen=True, eq=False)
class PlayedSet:
    """A set with its figures, and what the ledger keeps of it.

    Attributes:
        row: Figures.
        seen: Its trial; None where nothing was seen of it.
    """

    row: SetRow
    seen: SeenTrial | None = None


Outcomes = Callable[[ExperimentConfig, SweepWorld, tuple[ParameterSet, ...], Progress | None], Iterator[PlayedSet]]
"""Plays all sets that can be played, and gives them in whatever order they end."""


def sweep_grid(
    config: ExperimentConfig, progress: Progress | None = None, outcomes: Outcomes | None = None
) -> GridTable:
    """Play every set of a config's ``sweep``, write the trials into the ledger, and judge the best one.

    The ledger is written in blocks of 256 sets, in the order of the grid. A sweep that was killed keeps the blocks that
    were written; started again it plays all sets anew, and those that are the same (config, data, seed and code) count
    once.

    Args:
        config: With a ``sweep`` block.
        progress: Told how far it is.
        outcomes: Carries the sets out; in this process where None. The table is the same to the last bit.

    Raises:
        ConfigError: If there is nothing to sweep, a parameter is not the strategy's, or every set is refused.
        RunError: If the table of a strategy says something else than its ``decide``.
        QuantdlError: Whatever loading, fitting and the plan raise.
    """
    if config.sweep is None:
        raise ConfigError(
            f"{config.where('sweep')}: nothing to sweep. Name parameters of the strategy with values to play, for "
            "instance sweep: {parameters: {fast: [5, 10, 20]}}."
        )
    checked_ledger(config)
    sets = swept_strategies(config)
    if all(one.strategy is None for one in sets):
        raise ConfigError(f"{config.where('sweep', 'parameters')}: every set is refused; the first: {sets[0].problem}")
    world = open_world(config, progress)
    _check_first_table(world, sets)
    book = _Book(world, sets)
    if progress:
        progress("sweep", 0, len(sets))
    for played in (outcomes or in_this_process)(config, world, sets, progress):
        book.take(played)
        if progress:
            progress("sweep", book.n_taken, len(sets))
    return book.table(config.sweep.span)


def in_this_process(
    config: ExperimentConfig, world: SweepWorld, sets: tuple[ParameterSet, ...], progress: Progress | None
) -> Iterator[PlayedSet]:
    """See `Outcomes`."""
    return played_sets(world, list(enumerate(sets)))


def played_sets(world: SweepWorld, numbered: Sequence[tuple[int, ParameterSet]]) -> Iterator[PlayedSet]:
    """Play sets one after the other. One that fails, or that its strategy refused, is told and stops no other."""
    player = history = None
    for number, one in numbered:
        if one.strategy is None:
            yield PlayedSet(SetRow(number, one.values, "refused", problem=one.problem))
            continue
        try:
            if offers_targets(one.strategy):
                history = history or market_history(world.job)
                player = player or TablePlayer(world.job)
                yield _of_table(world, number, one, player, ask_targets(one.strategy, history))
            else:
                yield _of_decisions(world, number, one)
        except QuantdlError as error:
            problem, trial = str(error).partition("\n")[0], world.trial(one.values)
            yield PlayedSet(
                SetRow(number, one.values, "failed", trial=trial, problem=problem), SeenTrial(trial, None, problem)
            )


def _of_decisions(world: SweepWorld, number: int, one: ParameterSet) -> PlayedSet:
    assert one.strategy is not None
    result = play_strategy(world.job, one.strategy, world.forecasts)
    curve = curve_from_the_start(result, world.data.panel.bars)
    row = SetRow(
        number,
        one.values,
        "played",
        turnover=float(result.equity["turnover"].sum()),
        costs=float(result.equity["costs"].sum()),
        fills=len(result.fills),
        halted_on=None if result.halted_on is None else result.halted_on.date(),
        trial=world.trial(one.values),
    )
    return _measured(world, row, curve)


def _of_table(world: SweepWorld, number: int, one: ParameterSet, player: TablePlayer, table: TargetTable) -> PlayedSet:
    played, job = player.play(table), world.job
    row = SetRow(
        number,
        one.values,
        "played",
        turnover=float(played.figures[4]),
        costs=float(played.figures[5]),
        fills=int(played.figures[6]),
        halted_on=None if played.halted_on is None else played.halted_on.date(),
        trial=world.trial(one.values),
    )
    return _measured(world, row, measured_curve(played.equity_where_traded(job), job.before, job.initial_equity))


def _measured(world: SweepWorld, row: SetRow, curve: pd.Series) -> PlayedSet:
    seen, metrics = seen_curve(row.trial, curve, world.bars_per_year, world.rate, world.elapsed)
    whole = replace(
        row,
        sharpe=metrics.sharpe,
        sharpe_per_bar=metrics.sharpe_per_bar,
        total_return=metrics.total_return,
        max_drawdown=metrics.max_drawdown,
        problem=seen.reason,
    )
    return PlayedSet(whole, seen)


class _Book:
    """Takes sets in whatever order they end, and writes their trials in the order of the grid, block by block."""

    def __init__(self, world: SweepWorld, sets: tuple[ParameterSet, ...]) -> None:
        self.world, self.sets = world, sets
        self.ledger = ledger_of(world.config)
        self.baseline = _equal_weight_sharpe(world)
        self.rows: dict[int, SetRow] = {}
        self.seen: dict[int, SeenTrial] = {}
        self.n_recorded = 0

    @property
    def n_taken(self) -> int:
        return len(self.rows)

    def take(self, played: PlayedSet) -> None:
        number = played.row.number
        self.rows[number] = played.row
        if played.seen is not None:
            self.seen[number] = played.seen
        while self.n_recorded < len(self.sets):
            block = range(self.n_recorded, min(self.n_recorded + BLOCK, len(self.sets)))
            if any(number not in self.rows for number in block):
                return
            seen = [self.seen.pop(number) for number in block if number in self.seen]
            alike = entry_of_a_sweep(self.world.config.plan, self.world.data.panel.card, "sweep")
            record_all(self.ledger, alike, seen)
            self.n_recorded = block.stop

    def table(self, span: str) -> GridTable:
        world, rows = self.world, tuple(self.rows[number] for number in sorted(self.rows))
        known = [row for row in rows if row.sharpe_per_bar is not None]
        best = max(known, key=lambda row: (row.sharpe_per_bar or 0.0, -row.number), default=None)
        if best is not None:
            _check_table(world, self.sets[best.number])
        return GridTable(
            span,
            world.config.splits.test_start,
            world.config.splits.test_end,
            rows,
            self.baseline,
            best,
            None if best is None else selection_of(self.ledger, best.trial),
        )


def _equal_weight_sharpe(world: SweepWorld) -> float | None:
    curve = curve_from_the_start(equal_weight_baseline(world.job), world.data.panel.bars)
    _, metrics = seen_curve("", curve, world.bars_per_year, world.rate, world.elapsed)
    return metrics.sharpe


def _check_first_table(world: SweepWorld, sets: Sequence[ParameterSet]) -> None:
    """Hold the first set that can be played against its `decide`; those before it that fail become rows of the sweep.

    Raises:
        RunError: If the two are apart.
    """
    for one in sets:
        if one.strategy is None:
            continue
        try:
            apart = _apart(world, one)
        except QuantdlError:
            continue
        if apart:
            raise RunError(apart)
        return


def _check_table(world: SweepWorld, one: ParameterSet) -> None:
    """Hold the table of a set against its `decide`.

    Raises:
        RunError: If the two are apart, or `decide` fails.
    """
    apart = _apart(world, one)
    if apart:
        raise RunError(apart)


def _apart(world: SweepWorld, one: ParameterSet) -> str:
    """Play a set that is a table once more through `decide`, which sees nothing later than the close it decides at.

    Returns:
        Where the two differ in equity by more than rounding; empty where they do not, or the set is no table.
    """
    if one.strategy is None or not offers_targets(one.strategy):
        return ""
    table = TablePlayer(world.job).play(ask_targets(one.strategy, market_history(world.job))).equity.copy()
    asked = play_strategy(world.job, one.strategy, world.forecasts).equity["equity"].to_numpy()
    apart = np.abs(table - asked) > _AGREE * np.abs(asked)
    if not apart.any():
        return ""
    at = int(apart.argmax())
    return (
        f"sweep: with {dict(one.values)} the table of `targets` and the answers of `decide` are apart from "
        f"{bar_text(world.played[at])} on: equity {table[at]:,.2f} and {asked[at]:,.2f}. `decide` cannot see "
        "later prices. Make both say the same: `targets` may read row t and those before it for row t alone."
    )
