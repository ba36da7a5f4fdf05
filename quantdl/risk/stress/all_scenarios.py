"""All stress of a book in one record: crises of the past, shocks, conditional events, reverse stress, thin markets.

`StressSettings` says what is asked, `StressedBook` holds what is known; each kind of scenario has a file of its own.

    report = stress_book(StressedBook.of_panel(panel, weights), StressSettings(), seed=7)
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from quantdl.risk.stress.law_stress import conditional_row, law_row, liquidity_row, reverse_row
from quantdl.risk.stress.record import StressReport, StressRow
from quantdl.risk.stress.settings import ShockScenario, StressSettings
from quantdl.risk.stress.stressed_book import StressedBook, scenario_faults
from quantdl.risk.stress.windows import NAMED_WINDOWS, calibration_row, position_losses, window_row


def stress_book(
    book: StressedBook, settings: StressSettings, seed: int, step: Callable[[int, int], None] | None = None
) -> StressReport:
    """Go through all scenarios of the settings.

    Args:
        book: What is held, and what is known of it.
        settings: The scenarios.
        seed: Of everything drawn; the same gives the same report.
        step: Told how many scenarios are done, and how many there are.

    Raises:
        ValueError: With every asset and group that the scenarios name and the book does not have.
    """
    faults = [*scenario_faults(settings, book.assets, book.groups.values())]
    if faults:
        raise ValueError("; ".join(f"{'.'.join(map(str, place))}: {message}" for place, message in faults))
    held = book.weights[book.weights != 0]
    if not len(held):
        return StressReport(book.on, 0.0, 0.0, 0, skipped="The book holds no position, so nothing can lose.")
    laws = tuple(one.described for one in book.known_laws)
    asked, rows = [*_rows(book, settings, seed)], []
    for number, row in enumerate(asked, start=1):
        rows.append(row())
        if step is not None:
            step(number, len(asked))
    return StressReport(book.on, float(np.abs(held).sum()), float(held.sum()), len(held), laws, tuple(rows))


def _rows(book: StressedBook, settings: StressSettings, seed: int) -> Iterator[Callable[[], StressRow]]:
    """What makes the row of each scenario; each draws from a seed of its own, so leaving one out changes no other."""
    for window in (*(NAMED_WINDOWS if settings.named_windows else ()), *settings.windows):
        yield partial(window_row, book.history, window, settings.bars)
    if settings.calibration is not None:
        yield partial(calibration_row, book.history, settings.calibration, settings.level)
    for shock in settings.shocks:
        yield partial(shock_row, book, shock)
    for event in settings.conditional:
        yield partial(conditional_row, book, event, settings, seed)
    for loss in settings.reverse:
        yield partial(reverse_row, book, loss, settings, seed)
    for other in settings.laws:
        yield partial(law_row, book, other, settings, seed)
    if settings.liquidity is not None:
        yield partial(liquidity_row, book, settings.liquidity, settings, seed)


def shock_row(book: StressedBook, shock: ShockScenario) -> StressRow:
    """Move the assets as stated: by their own return, else by their group's, else by beta times the market's.

    Args:
        book: What is held.
        shock: Names assets and groups of the book.
    """
    moves, still, blind = np.zeros(len(book.assets)), [], []
    for number, asset in enumerate(book.assets):
        group = book.groups.get(asset, "")
        if asset in shock.assets:
            moves[number] = shock.assets[asset]
        elif group in shock.groups:
            moves[number] = shock.groups[group]
        elif not book.weights[number]:
            continue
        elif shock.market is None:
            still.append(asset)
        elif (beta := book.past.beta(number)) is None:
            blind.append(asset)
        else:
            moves[number] = max(beta * shock.market, -1.0)
    notes = []
    if still:
        notes.append(f"{len(still)} positions are not named and do not move.")
    if blind:
        notes.append(f"Left out, with no beta to go by: {', '.join(blind)}.")
    stated = [*(f"{name} {100 * move:+g}%" for name, move in (*shock.assets.items(), *shock.groups.items()))]
    stated += [] if shock.market is None else [f"market {100 * shock.market:+g}%, others by beta"]
    return StressRow(
        shock.name,
        "shock",
        ", ".join(stated),
        float(-(book.weights @ moves)),
        worst=position_losses(book.assets, book.weights, moves),
        notes=tuple(notes),
    )
