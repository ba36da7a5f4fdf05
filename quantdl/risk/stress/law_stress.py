"""Stress that asks a law: the rest given an event of the market, the likeliest way to a loss, other volatilities."""

import math
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from quantdl.risk.measures.losses import expected_shortfall_error
from quantdl.risk.stress.law_shocks import with_correlation, with_volatility
from quantdl.risk.stress.liquidity import liquidity_risk
from quantdl.risk.stress.rare_events import EventDraws, PortfolioEvent, draws_given
from quantdl.risk.stress.record import StressFigure, StressKind, StressRow
from quantdl.risk.stress.reverse import likeliest_loss, most_that_can_be_lost
from quantdl.risk.stress.settings import (
    ConditionalScenario,
    LawShock,
    LiquidityStress,
    ReverseScenario,
    StressSettings,
)
from quantdl.risk.stress.stressed_book import StressedBook, StressLaw
from quantdl.risk.stress.windows import position_losses

_EVENT_WORDS = {"at_most": "or less", "at_least": "or more", "equal": "exactly"}
_MORE = 5  # times the draws, where the effective number falls short
_NO_WEIGHT = "the book holds no asset that the law covers"


def conditional_row(book: StressedBook, event: ConditionalScenario, settings: StressSettings, seed: int) -> StressRow:
    """Mean loss of the book given an event of the market, by importance sampling.

    Args:
        book: What is held.
        event: Of the market.
        settings: Draws, and the fewest that may stand behind a figure.
        seed: Of the run.
    """
    words = f"market {100 * event.market:+g}% {_EVENT_WORDS[event.event]}"
    law = book.law_over(event.bars)
    if isinstance(law, str):
        return _none(event.name, "conditional", words, law)
    basis = f"mean given {words}; {law.described}"
    if event.weights:
        law = law.of((book.weights != 0) | np.isin(book.assets, [*event.weights]))
    else:
        basis += f"; market of {len(_names(book, law))} assets, equally weighted"
    if not book.holds_in(law):
        return _none(event.name, "conditional", basis, _NO_WEIGHT)
    market = _market(book, law, event)
    if isinstance(market, str):
        return _none(event.name, "conditional", basis, market)
    given = _given(law, PortfolioEvent(market, event.market, event.event), settings, _seed(seed, event.name))
    few = _too_few(given, settings)
    if few:
        return _none(event.name, "conditional", basis, few)
    weights = book.held_in(law)
    moves = torch.expm1(given.log_returns)
    losses = -(moves @ torch.from_numpy(weights))
    figures = [
        StressFigure("Loss exceeded once in 20", _quantile(losses, given.weights, 0.95)),
        StressFigure("Market", float(given.mean(moves) @ market)),
    ]
    notes = list(book.outside(law))
    if given.bandwidth is not None:
        notes.append(
            f"Draws within {100 * given.bandwidth:.2g} percentage points of that return count, moved onto it by "
            "regression; the probability is that of this return or one farther out."
        )
    return StressRow(
        event.name,
        "conditional",
        basis,
        float(given.mean(losses)),
        given.error(losses),
        given.effective_number,
        given.probability,
        given.probability_error,
        position_losses(_names(book, law), weights, given.mean(moves).numpy()),
        tuple(figures),
        tuple(notes),
    )


def reverse_row(book: StressedBook, wanted: ReverseScenario, settings: StressSettings, seed: int) -> StressRow:
    """The likeliest way to a loss, its probability, and the mean over all ways.

    Args:
        book: What is held.
        wanted: The loss.
        settings: Draws, and the fewest that may stand behind a figure.
        seed: Of the run.
    """
    law = book.law_over(wanted.bars)
    if isinstance(law, str):
        return _none(wanted.name, "reverse", f"loss of {100 * wanted.loss:g}%", law)
    basis = f"loss of {100 * wanted.loss:g}%; {law.described}"
    if not book.holds_in(law):
        return _none(wanted.name, "reverse", basis, _NO_WEIGHT)
    law = law.of(book.weights != 0)
    weights = book.held_in(law)
    held = torch.from_numpy(weights)
    most = most_that_can_be_lost(held)
    if wanted.loss >= most:
        return _none(wanted.name, "reverse", basis, f"the book can lose at most {100 * most:.1f}% of its equity")
    found = likeliest_loss(law.law, held, wanted.loss, _seed(seed, wanted.name))
    given = _given(law, PortfolioEvent(held, -wanted.loss), settings, _seed(seed, f"{wanted.name}, draws"))
    figures = [StressFigure("Log density relative to the mode", found.log_density_ratio, "nats")]
    notes = list(book.outside(law))
    few, loss = _too_few(given, settings), float(-(torch.expm1(found.log_returns) @ held))
    if few:
        notes.append(f"No probability: {few}.")
    else:
        moves = torch.expm1(given.log_returns)
        figures.append(StressFigure("Mean of such losses", float(-(given.mean(moves) @ held))))
        mean = position_losses(_names(book, law), weights, given.mean(moves).numpy(), 3)
        named = ", ".join(f"{one.asset} {100 * one.loss:.1f}%" for one in mean)
        notes.append(f"On the mean over all such losses, most comes from {named} of equity.")
    if found.agreeing < found.starts:
        notes.append(
            f"{found.agreeing} of {found.starts} starts of the search ended there, the others at less likely ways."
        )
    return StressRow(
        wanted.name,
        "reverse",
        basis,
        loss,
        None,
        None if few else given.effective_number,
        None if few else given.probability,
        None if few else given.probability_error,
        position_losses(_names(book, law), weights, torch.expm1(found.log_returns).numpy()),
        tuple(figures),
        tuple(notes),
    )


def law_row(book: StressedBook, other: LawShock, settings: StressSettings, seed: int) -> StressRow:
    """Expected shortfall of the book under another volatility and other correlations, beside that of the law.

    Args:
        book: What is held.
        other: What is changed.
        settings: Draws and level.
        seed: Of the run.
    """
    words = f"expected shortfall at {100 * settings.level:g}%"
    law = book.law_over(other.bars)
    if isinstance(law, str):
        return _none(other.name, "law", words, law)
    changed = [f"volatility x {other.volatility:g}"] if other.volatility != 1.0 else []
    changed += [f"correlations {100 * other.correlation:g}% of the way to one"] if other.correlation else []
    scope = "" if other.group is None else f" within {other.group}"
    basis = f"{words}, {' and '.join(changed)}{scope}; {law.described}"
    if not book.holds_in(law):
        return _none(other.name, "law", basis, _NO_WEIGHT)
    law = law.of(book.weights != 0)
    weights = book.held_in(law)
    plain = book.scenarios(law, settings.draws, _seed(seed, f"draws over {law.bars}"))
    within = None
    if other.group is not None:
        names = _names(book, law)
        within = torch.tensor([book.groups.get(name) == other.group for name in names])
    moved = with_correlation(plain, other.correlation, _seed(seed, "common variable"), within)
    moved = with_volatility(moved, other.volatility, within)
    held = torch.from_numpy(weights)
    before, after = (float(one.expected_shortfall(held, settings.level)) for one in (plain, moved))
    losses = moved.losses(held)
    tail = losses.topk(max(1, round((1.0 - settings.level) * len(losses)))).indices
    return StressRow(
        other.name,
        "law",
        basis,
        after,
        float(expected_shortfall_error(losses, settings.level)),
        float(settings.draws),
        worst=position_losses(_names(book, law), weights, moved.returns[tail].mean(0).numpy()),
        figures=(
            StressFigure("Without the shock", before),
            *((StressFigure("Over that without", after / before, "ratio"),) if before > 0 else ()),
            StressFigure("Value at risk", float(moved.value_at_risk(held, settings.level))),
        ),
        notes=book.outside(law),
    )


def liquidity_row(book: StressedBook, terms: LiquidityStress, settings: StressSettings, seed: int) -> StressRow:
    """Liquidity-adjusted value at risk: the book sold into a thin market.

    Args:
        book: What is held.
        terms: How thin the market is.
        settings: Draws and level.
        seed: Of the run.
    """
    name = "Sale into a thin market"
    basis = (
        f"value at risk at {100 * settings.level:g}% until sold, with costs; {100 * terms.participation:g}% of "
        f"{terms.volume:g} times the volume a day, {terms.spread:g} times the spread"
    )
    if book.depth is None:
        return _none(name, "liquidity", basis, book.no_depth)
    law = book.law_over(1)
    if isinstance(law, str):
        return _none(name, "liquidity", basis, law)
    if not book.holds_in(law):
        return _none(name, "liquidity", basis, _NO_WEIGHT)
    law = law.of(book.weights != 0)
    weights, index = book.held_in(law), np.array(law.columns)
    depth = book.depth.of(index)
    scenarios = book.scenarios(law, settings.draws, _seed(seed, "draws over 1"))
    try:
        risk = liquidity_risk(scenarios, weights, depth, terms, settings.level, _seed(seed, "days of the sale"))
    except ValueError as error:
        return _none(name, "liquidity", basis, str(error))
    slowest = int(risk.days.argmax())
    figures = [
        StressFigure("Days to sell", float(risk.days[slowest]), "days", _names(book, law)[slowest]),
        StressFigure("Value at risk of one session", risk.value_at_risk),
        StressFigure("Value at risk until sold", risk.value_at_risk_to_sale),
        StressFigure("Impact", risk.impact_cost),
    ]
    figures += [] if risk.spread_cost is None else [StressFigure("Spread", risk.spread_cost)]
    capped = int(risk.days[slowest]) >= terms.most_days
    notes = [
        *book.outside(law),
        *(("Some positions take longer; what is left then is sold at once.",) if capped else ()),
    ]
    return StressRow(
        name,
        "liquidity",
        basis,
        risk.total,
        risk.error,
        float(settings.draws),
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _none(name: str, kind: StressKind, basis: str, reason: str) -> StressRow:
    return StressRow(name, kind, basis, None, why_not=reason)


def _market(book: StressedBook, law: StressLaw, event: ConditionalScenario) -> Tensor | str:
    """Weights of the market over the assets of a law; or why there is none."""
    names = _names(book, law)
    if not event.weights:
        return torch.full((len(names),), 1.0 / len(names), dtype=torch.float64)
    missing = [name for name in event.weights if name not in names]
    if missing:
        return f"the law does not cover {', '.join(missing)} of the market"
    given = torch.tensor([event.weights.get(name, 0.0) for name in names], dtype=torch.float64)
    return given / given.sum()


def _given(law: StressLaw, event: PortfolioEvent, settings: StressSettings, seed: int) -> EventDraws:
    """Draws given an event: more of them where the first do not suffice but are not far from it."""
    given = draws_given(law.law, event, settings.draws, seed)
    if settings.least_effective / _MORE < given.effective_number < settings.least_effective:
        return draws_given(law.law, event, _MORE * settings.draws, seed)
    return given


def _too_few(given: EventDraws, settings: StressSettings) -> str:
    """Why a figure may not rest on draws; empty where it may."""
    number = given.effective_number
    if number >= settings.least_effective:
        return ""
    return (
        f"only {math.floor(number)} of {len(given.weights):,} draws count for it, {settings.least_effective:g} are "
        "needed; take more draws or a milder event"
    )


def _names(book: StressedBook, law: StressLaw) -> tuple[str, ...]:
    return tuple(book.assets[column] for column in law.columns or ())


def _quantile(losses: Tensor, shares: Tensor, level: float) -> float:
    order = losses.argsort()
    beyond = shares[order].cumsum(0)
    return float(losses[order][min(int((beyond < level).sum()), len(losses) - 1)])


def _seed(seed: int, name: str) -> int:
    """A seed for what is called so: leaving a scenario out changes no other."""
    key = np.random.SeedSequence([seed, crc32(name.encode())]).generate_state(1, np.uint64)[0]
    return int(key >> np.uint64(1))
