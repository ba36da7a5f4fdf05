"""Is the plan complete, consistent and able to bind, judged by itself? All faults at once.

What needs the data is in `quantdl.backtest.plan.data_checks`.
"""

from collections import Counter
from collections.abc import Iterator

from quantdl.backtest.plan.faults import PlanFault, at_least, blank_values, missing_items, within
from quantdl.backtest.plan.items import (
    Borrow,
    CalibrationLimit,
    CorrelationGroups,
    DrawdownLimit,
    EveryBars,
    MeasuredVolume,
    NamedGroups,
    PeriodEnd,
    Plan,
    StaleDataLimit,
    StatedVolume,
    VolatilityLimit,
    VolumeWaiver,
)

ENGINE_PREFIX = "plan:"

# S&P 500 closes fell by 56.8 % from 2007-10-09 to 2009-03-09, the deepest fall since 1945. A fully invested book with a
# drawdown limit beyond that would have slept through it.
DEEPEST_MARKET_FALL = 0.57

# The 20-session volatility of the S&P 500 peaked at 86 % a year in 2008, that of twenty large US stocks in equal parts
# at 100 % in March 2020 (the bundled data). A higher limit has never been reached.
HIGHEST_MARKET_VOLATILITY = 1.0

# By Ville's inequality an e-process that halts at 1 / p halts a right model with probability p at most, in a run of any
# length. Below one in ten thousand a wrong model is hardly ever found either.
FALSE_HALT_RANGE = (1e-4, 0.05)

# Fewest and most sessions of a week and a month: exchanges that close at weekends, and those that never close.
_PERIOD_SESSIONS = {"week": (4, 5), "month": (15, 23)}
_PERIOD_SESSIONS_24_7 = {"week": (7, 7), "month": (28, 31)}


def plan_faults(plan: Plan, model_horizon: int | None, forecasts_risk: bool) -> tuple[PlanFault, ...]:
    """Return every fault that the plan has by itself, in the order of its items.

    Args:
        plan: The plan.
        model_horizon: Bars of the model's position window, or None without a model.
        forecasts_risk: Whether a value at risk is predicted for each session.
    """
    missing = tuple(missing_items(plan))
    if missing:
        return missing
    blank = tuple(blank_values(plan))
    if any(fault.expected == "a finite number" for fault in blank):
        return blank  # comparisons with NaN would add faults that are none
    return (
        *blank,
        *_horizon(plan, model_horizon),
        *_trusted_data(plan),
        *_rules(plan),
        *_sizing(plan),
        *_related_positions(plan),
        *_friction(plan, model_horizon),
        *_invalidation(plan, forecasts_risk),
        *_fast_exit(plan),
        *_sample(plan, model_horizon),
        *_abnormal_volatility(plan),
    )


def _horizon(plan: Plan, model_horizon: int | None) -> Iterator[PlanFault]:
    horizon = plan.horizon
    yield from at_least("horizon.bars", horizon.bars, 1, "a number of bars")
    if model_horizon is not None and horizon.bars != model_horizon:
        expected = f"the model's horizon of {model_horizon} bars"
        fix = f"set horizon.bars to {model_horizon} or train the model for {horizon.bars} bars"
        yield PlanFault("horizon.bars", str(horizon.bars), expected, fix)
    if horizon.timeframe != plan.trusted_data.frequency:
        expected = f"the frequency of the trusted data, {plan.trusted_data.frequency!r}"
        yield PlanFault("horizon.timeframe", repr(horizon.timeframe), expected, "make the two equal")
    match horizon.rebalance:
        case EveryBars(bars=bars):
            yield from at_least("horizon.rebalance.bars", bars, 1, "a number of bars")
        case PeriodEnd(period=period):
            always_open = plan.trusted_data.calendar == "24/7"
            shortest, longest = (_PERIOD_SESSIONS_24_7 if always_open else _PERIOD_SESSIONS)[period]
            if shortest <= horizon.bars < longest:
                expected = f"at least {longest}: a {period} has up to {longest} sessions, and an older book is closed"
                yield PlanFault("horizon.bars", str(horizon.bars), expected, f"set horizon.bars to {longest}")


def _trusted_data(plan: Plan) -> Iterator[PlanFault]:
    data = plan.trusted_data
    if "close" not in data.fields:
        yield PlanFault("trusted_data.fields", str(list(data.fields)), "'close' among the fields", "add 'close'")


def _rules(plan: Plan) -> Iterator[PlanFault]:
    names = Counter(rule.name for rule in plan.rules)
    for name in (name for name, count in names.items() if count > 1):
        yield PlanFault("rules", f"'{name}' {names[name]} times", "each name once", "rename or merge the rules")
    for index, rule in enumerate(plan.rules):
        if rule.name.startswith(ENGINE_PREFIX):
            expected = f"a name without '{ENGINE_PREFIX}', which marks the engine's own exits"
            yield PlanFault(f"rules.{index}.name", repr(rule.name), expected, "choose another name")
    purposes = {rule.purpose for rule in plan.rules}
    for purpose in ("entry", "exit"):
        if not purposes & {purpose, "rebalance"}:
            expected = f"a rule with purpose '{purpose}' or 'rebalance'"
            yield PlanFault("rules", f"no {purpose} rule", expected, f"write down the {purpose} rule")


def _sizing(plan: Plan) -> Iterator[PlanFault]:
    sizing = plan.sizing
    highest_gross = 1.0 if sizing.long_only else 10.0
    yield from within("sizing.max_gross", sizing.max_gross, 0.0, highest_gross, "gross weight (no borrowed cash)")
    yield from within("sizing.max_weight", sizing.max_weight, 0.0, sizing.max_gross, "a weight")
    yield from _net_cap("sizing.max_net", sizing.max_net, min(sizing.max_gross, 1.0), plan)
    yield from _loss_limits(plan)


def _net_cap(item: str, cap: float | None, highest: float, plan: Plan) -> Iterator[PlanFault]:
    """Yield faults of a cap on net weight: none for a long-only plan, one that can bind otherwise."""
    if plan.sizing.long_only:
        if cap is not None:
            expected = "null: the net weight of a long-only book is its gross weight, so the cap can never bind"
            yield PlanFault(item, f"{cap:g}", expected, "write null")
    elif cap is None:
        expected = "a cap on net weight, because the plan may sell short"
        yield PlanFault(item, "null", expected, f"set it below {highest:g}")
    elif not (0 < cap < highest or cap == highest == 1.0):
        expected = f"above 0 and below {highest:g}, or it can never bind"
        yield PlanFault(item, f"{cap:g}", expected, f"set it below {highest:g}")


def _loss_limits(plan: Plan) -> Iterator[PlanFault]:
    sizing = plan.sizing
    most = sizing.max_weight if sizing.long_only else sizing.max_gross
    if sizing.max_loss_per_trade >= most:
        expected = f"below {most:g}, the most a position can weigh: a larger loss limit can never bind"
        fix = f"set it below {most:g}"
        yield PlanFault("sizing.max_loss_per_trade", f"{sizing.max_loss_per_trade:g}", expected, fix)
    if not 0 < sizing.stop_loss < sizing.max_loss_per_trade:
        promise = f"{sizing.max_loss_per_trade:g}"
        expected = f"above 0 and below max_loss_per_trade ({promise}): the exit fills a session later"
        fix = "leave room for one more session and the exit's costs"
        yield PlanFault("sizing.stop_loss", f"{sizing.stop_loss:g}", expected, fix)


def _related_positions(plan: Plan) -> Iterator[PlanFault]:
    related, gross = plan.related_positions, plan.sizing.max_gross
    item = "related_positions.max_group_gross"
    if not 0 < related.max_group_gross <= gross:
        expected = f"above 0 and at most max_gross ({gross:g}), or it can never bind"
        yield PlanFault(item, f"{related.max_group_gross:g}", expected, f"set it below {gross:g}")
    yield from _net_cap("related_positions.max_group_net", related.max_group_net, related.max_group_gross, plan)
    match related.groups:
        case CorrelationGroups(window_bars=window, threshold=threshold):
            yield from at_least("related_positions.groups.window_bars", window, 20, "enough bars for a correlation")
            if not 0 < threshold < 1:
                expected = "a correlation strictly between 0 and 1"
                yield PlanFault("related_positions.groups.threshold", f"{threshold:g}", expected, "for instance 0.6")
        case NamedGroups(members=members):
            counts = Counter(symbol for group in members.values() for symbol in group)
            for symbol in (symbol for symbol, count in counts.items() if count > 1):
                given = f"'{symbol}' {counts[symbol]} times"
                yield PlanFault("related_positions.groups.members", given, "each asset once", "keep it in one group")


def _friction(plan: Plan, model_horizon: int | None) -> Iterator[PlanFault]:
    friction = plan.friction
    for name, bps in (("commission_bps", friction.commission_bps), ("half_spread_bps", friction.half_spread_bps)):
        if not 0 <= bps <= 1000:
            expected = "basis points between 0 and 1000"
            yield PlanFault(f"friction.{name}", f"{bps:g}", expected, "state the cost each way, 10 for 0.10 %")
    if not 0 <= friction.delisting_recovery <= 1:
        expected = "a share of the last price between 0 and 1"
        yield PlanFault("friction.delisting_recovery", f"{friction.delisting_recovery:g}", expected, "for instance 0.7")
    yield from _borrow(plan)
    yield from _liquidity(plan)
    if friction.fill_at == "next_open" and "open" not in plan.trusted_data.fields:
        expected = "'next_close', because 'open' is not among trusted_data.fields"
        yield PlanFault("friction.fill_at", "'next_open'", expected, "add 'open' to the fields or write next_close")
    if friction.fill_at != "next_close" and model_horizon is not None:
        expected = "'next_close': the model's position law runs from the next close"
        yield PlanFault("friction.fill_at", repr(friction.fill_at), expected, "write next_close")


def _borrow(plan: Plan) -> Iterator[PlanFault]:
    borrow, sizing = plan.friction.borrow, plan.sizing
    match borrow:
        case Borrow() if sizing.long_only:
            expected = "null: a long-only plan never borrows shares"
            yield PlanFault("friction.borrow", "terms of borrowing", expected, "write null")
        case None if not sizing.long_only:
            fix = "state annual_rate and maintenance_margin"
            yield PlanFault("friction.borrow", "null", "terms of selling short", fix)
        case Borrow(annual_rate=rate, maintenance_margin=margin):
            if not 0 <= rate <= 1:
                expected = "a yearly fraction between 0 and 1"
                yield PlanFault("friction.borrow.annual_rate", f"{rate:g}", expected, "for instance 0.01")
            if not (0 < margin and margin * sizing.max_gross < 1):
                expected = "above 0 and below 1 / max_gross, or a full book is liquidated at once"
                yield PlanFault("friction.borrow.maintenance_margin", f"{margin:g}", expected, "for instance 0.3")


def _liquidity(plan: Plan) -> Iterator[PlanFault]:
    liquidity, data = plan.friction.liquidity, plan.trusted_data
    if isinstance(liquidity, VolumeWaiver):
        return
    yield from within("friction.liquidity.participation", liquidity.participation, 0.0, 1.0, "a share of volume")
    if liquidity.impact_coefficient < 0:
        given = f"{liquidity.impact_coefficient:g}"
        yield PlanFault("friction.liquidity.impact_coefficient", given, "zero or more", "for instance 1.0")
    if isinstance(liquidity, StatedVolume):
        for symbol, dollars in liquidity.dollar_volume.items():
            if dollars <= 0:
                item = f"friction.liquidity.dollar_volume.{symbol}"
                yield PlanFault(item, f"{dollars:g}", "dollars a session, above 0", "state a positive volume")
    if isinstance(liquidity, MeasuredVolume):
        yield from at_least("friction.liquidity.window_bars", liquidity.window_bars, 1, "a number of bars")
        if not {"volume", "dollar_volume"} & set(data.fields):
            expected = "'volume' or 'dollar_volume' among trusted_data.fields"
            fix = "declare the field, state the dollar volume per asset, or sign the waiver"
            yield PlanFault("friction.liquidity.kind", "'measured'", expected, fix)
        elif "dollar_volume" not in data.fields and data.adjustment == "total_return":
            expected = "'raw' or 'split' prices: dividend-adjusted prices times shares are not dollars"
            fix = "trust a 'dollar_volume' field or state the dollar volume per asset"
            yield PlanFault("friction.liquidity.kind", "'measured' on total-return prices", expected, fix)


def _invalidation(plan: Plan, forecasts_risk: bool) -> Iterator[PlanFault]:
    if not plan.invalidation:
        fix = "state at least one: drawdown, volatility, stale_data or calibration"
        yield PlanFault("invalidation", "no condition", "at least one testable condition", fix)
    kinds = Counter(condition.kind for condition in plan.invalidation)
    for kind in (kind for kind, count in kinds.items() if count > 1):
        yield PlanFault("invalidation", f"'{kind}' {kinds[kind]} times", "each kind once", "keep the stricter one")
    gross = plan.sizing.max_gross
    for index, condition in enumerate(plan.invalidation):
        item = f"invalidation.{index}"
        match condition:
            case DrawdownLimit(limit=limit):
                deepest = DEEPEST_MARKET_FALL * gross
                meaning = "a fall that a bear market can cause, or it can never bind; that is"
                yield from within(f"{item}.limit", limit, 0.0, deepest, meaning)
            case VolatilityLimit(annualised=annualised, window_bars=window):
                highest = HIGHEST_MARKET_VOLATILITY * gross
                meaning = "a volatility that markets have reached, or it can never bind; that is"
                yield from within(f"{item}.annualised", annualised, 0.0, highest, meaning)
                yield from at_least(f"{item}.window_bars", window, 5, "enough bars for a volatility")
            case StaleDataLimit(bars=bars):
                yield from at_least(f"{item}.bars", bars, 1, "a number of bars")
            case CalibrationLimit():
                yield from _calibration(item, condition, forecasts_risk)


def _calibration(item: str, condition: CalibrationLimit, forecasts_risk: bool) -> Iterator[PlanFault]:
    if not 0.5 < condition.level < 1:
        expected = "a confidence strictly between 0.5 and 1"
        yield PlanFault(f"{item}.level", f"{condition.level:g}", expected, "for instance 0.99")
    low, high = FALSE_HALT_RANGE
    meaning = "the probability of halting a right model,"
    yield from within(f"{item}.false_halt_probability", condition.false_halt_probability, low, high, meaning)
    if not forecasts_risk:
        fix = "add a model or choose another condition"
        yield PlanFault(item, "'calibration'", "a run that predicts value at risk, or it can never bind", fix)


def _fast_exit(plan: Plan) -> Iterator[PlanFault]:
    sessions = plan.fast_exit.max_sessions
    yield from at_least("fast_exit.max_sessions", sessions, 1, "a number of sessions")
    if isinstance(plan.friction.liquidity, VolumeWaiver):
        if sessions > 1:
            expected = "1: with a volume waiver no fill is capped, so a longer exit can never bind"
            yield PlanFault("fast_exit.max_sessions", str(sessions), expected, "write 1 or state dollar volumes")
    elif sessions > plan.horizon.bars:
        expected = f"at most the horizon of {plan.horizon.bars} bars: a fast exit is no slower than a planned one"
        yield PlanFault("fast_exit.max_sessions", str(sessions), expected, f"set it to {plan.horizon.bars} or less")


def _sample(plan: Plan, model_horizon: int | None) -> Iterator[PlanFault]:
    sample = plan.sample
    if sample.first >= sample.last:
        yield PlanFault("sample.last", str(sample.last), f"a day after sample.first ({sample.first})", "swap the two")
    meaning = "more sessions than one holding period"
    yield from at_least("sample.minimum_sessions", sample.minimum_sessions, plan.horizon.bars + 1, meaning)
    reach = 0 if model_horizon is None else model_horizon + 1
    if sample.purge_bars != reach:
        meaning = "fill one bar later, exit at the horizon: what a run drops" if reach else "nothing is trained"
        yield PlanFault("sample.purge_bars", str(sample.purge_bars), f"{reach} ({meaning})", f"write {reach}")


def _abnormal_volatility(plan: Plan) -> Iterator[PlanFault]:
    abnormal = plan.abnormal_volatility
    yield from at_least("abnormal_volatility.window_bars", abnormal.window_bars, 5, "enough bars for a volatility")
    meaning = "a volatility that markets have reached, or it can never bind; that is"
    highest = HIGHEST_MARKET_VOLATILITY
    yield from within("abnormal_volatility.stressed_above", abnormal.stressed_above, 0.0, highest, meaning)
    if not 0 < abnormal.calm_below < abnormal.stressed_above:
        expected = f"above 0 and below stressed_above ({abnormal.stressed_above:g})"
        yield PlanFault("abnormal_volatility.calm_below", f"{abnormal.calm_below:g}", expected, "lower it")
    names = Counter(window.name for window in abnormal.stress_windows)
    for index, window in enumerate(abnormal.stress_windows):
        item = f"abnormal_volatility.stress_windows.{index}"
        if names[window.name] > 1:
            yield PlanFault(f"{item}.name", repr(window.name), "each name once", "rename it")
        if window.first > window.last:
            yield PlanFault(f"{item}.last", str(window.last), f"a day from {window.first} on", "swap the two")
        if window.last < plan.sample.first or window.first > plan.sample.last:
            expected = f"a span that touches the sample, {plan.sample.first} to {plan.sample.last}"
            given = f"{window.first} to {window.last}"
            yield PlanFault(item, given, expected, "remove the window or widen the sample")
