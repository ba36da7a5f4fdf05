"""The questions of the checklist that only the author of a strategy can answer, each with an answer to begin from."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from quantdl.backtest.plan.texts import PersonName
from quantdl.config.config_fault import Key
from quantdl.experiment.starting.market_facts import NOT_STATED, MarketFacts, read_on

UNANSWERED = "?"
"""Stands in a config for what has not been said; no run takes it."""

Answers = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """One thing to be decided.

    Attributes:
        name: Of the answer, and of its place in the template of the config.
        keys: Where the answer stands in the config; a fault there, or below it, is one of the answer.
        text: What is asked.
        default: The answer to begin from, given those before it.
        choices: Answers there are; empty for any.
        also: Further places where a fault is one of this answer.
    """

    name: str
    keys: tuple[Key, ...]
    text: str
    default: Callable[[Answers], str]
    choices: tuple[str, ...] = ()
    also: tuple[tuple[Key, ...], ...] = ()

    def concerns(self, keys: tuple[Key, ...]) -> bool:
        """Tell whether a fault at these keys is one of the answer."""
        return any(keys[: len(own)] == own for own in (self.keys, *self.also))


def questions(name: str, facts: MarketFacts) -> tuple[Question, ...]:
    """Return what is asked for a new project, in the order of the checklist; of files of the user's own, first of them.

    Args:
        name: Of the project.
        facts: Of its prices.
    """
    return (*(() if facts.path is None else _of_files(facts)), *_of_the_plan(name, facts))


def _of_files(facts: MarketFacts) -> tuple[Question, ...]:
    path = facts.path
    assert path is not None
    last = facts.panel.sessions[-1].date()
    trusted = ("plan", "trusted_data")
    return (
        Question(
            "adjustment",
            ("data", "adjustment"),
            "How are the prices adjusted: as traded, for splits only, or for splits and dividends?",
            _say(str(facts.settings.get("adjustment", UNANSWERED))),
            ("raw", "split", "total_return"),
            ((*trusted, "adjustment"),),
        ),
        Question(
            "as_of",
            ("data", "as_of"),
            "On which day did the source state these values? Adjusted prices change with later dividends.",
            _say(str(max(last, read_on(path)))),
        ),
        Question(
            "source",
            ("data", "source"),
            "Who published the prices, and through what were they read?",
            _say(str(facts.settings["source"])),
            also=((*trusted, "source"),),
        ),
        Question("licence", ("data", "licence"), "Under which terms may they be used?", _say(NOT_STATED)),
    )


def _of_the_plan(name: str, facts: MarketFacts) -> tuple[Question, ...]:
    count = len(facts.panel.assets)
    claim, plan = ("plan", "hypothesis"), "plan"
    other = (*claim, "other_explanations")
    weight = 1.0 if count == 1 else min(0.75, max(0.15, round(1.5 / count, 2)))
    return (
        Question("author", (plan, "documentation", "author"), "Who answers for this strategy?", _say(_author(name))),
        Question(
            "statement",
            (*claim, "statement"),
            "Hypothesis: why should it earn money?",
            _say(
                "Assets that stand above their average of the last 200 closes go on rising for some weeks, because "
                "news takes time to be believed."
            ),
        ),
        Question("market_context", (*claim, "market_context"), "In which market?", _say(_market(facts))),
        Question(
            "refuted_by",
            (*claim, "refuted_by"),
            "What would refute it?",
            _say("A Sharpe ratio no higher than that of equal weight, after costs."),
        ),
        Question(
            "yardstick",
            (*claim, "yardstick"),
            "On which figure must it not lose to equal weight?",
            _say("sharpe"),
            ("sharpe", "total_return", "max_drawdown", "expected_shortfall"),
        ),
        Question(
            "trend",
            (*other, "trend"),
            "What else could explain a profit: the trend of the market?",
            _say("In a market that rises for years any rule that is mostly invested earns its rise."),
        ),
        Question(
            "volatility",
            (*other, "volatility"),
            "What else: volatility?",
            _say("The rule leaves falling assets, so it may only hold less and be calmer."),
        ),
        Question(
            "liquidity",
            (*other, "liquidity"),
            "What else: liquidity?",
            _say("Assets that are hard to trade may be paid for that, whatever rule holds them."),
        ),
        Question(
            "model",
            ("model",),
            "Model of what the assets may earn (none: a strategy that asks for no law)?",
            _say("ewma_t"),
            ("none", "ewma_t", "garch_t", "transformer"),
        ),
        Question(
            "horizon",
            (plan, "horizon"),
            "Horizon: for how many bars is a decision meant to hold?",
            _say("5"),
            also=(("model", "horizon"), (plan, "sample", "purge_bars")),
        ),
        Question(
            "max_weight",
            (plan, "sizing", "max_weight"),
            "Largest weight of one asset, as a fraction of the book?",
            _say(f"{weight:g}"),
        ),
        Question(
            "max_group_gross",
            (plan, "related_positions", "max_group_gross"),
            "Largest weight of assets that move together?",
            lambda given: f"{max(0.4, _number(given['max_weight'], 0.4)):g}",
        ),
        Question(
            "max_loss_per_trade",
            (plan, "sizing", "max_loss_per_trade"),
            "Most that one trade may lose, as a fraction of the book?",
            lambda given: f"{min(0.05, round(_number(given['max_weight'], 1.0) / 3, 3)):g}",
        ),
        Question(
            "stop_loss",
            (plan, "sizing", "stop_loss"),
            "Loss at which a trade is closed? It fills a session later, so leave room.",
            lambda given: f"{round(0.6 * _number(given['max_loss_per_trade'], 0.05), 4):g}",
        ),
        Question(
            "commission_bps",
            (plan, "friction", "commission_bps"),
            "Commission each way, in basis points of the money traded?",
            _say("1.0"),
        ),
        Question(
            "half_spread_bps",
            (plan, "friction", "half_spread_bps"),
            "Half of the bid-ask spread, in basis points?",
            _say("2.0" if facts.path is None else "5.0"),
        ),
        Question(
            "drawdown",
            (plan, "invalidation", 0),
            "Invalidation: fall from the highest equity that ends the strategy for good?",
            _say("0.35"),
        ),
    )


def _say(text: str) -> Callable[[Answers], str]:
    return lambda given: text


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _market(facts: MarketFacts) -> str:
    if facts.path is None:
        return "Large US stocks, any regime."
    count = len(facts.panel.assets)
    what = "One asset" if count == 1 else f"{count:,} assets"
    return f"{what} of the calendar {facts.settings['calendar']}, any regime."


def _author(name: str) -> str:
    """Return the name of this session's user, where it can be that of a person."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    (rule,) = get_args(PersonName)[1:]
    return user if rule.holds(user) else f"The author of {name}"
