"""The checklist: was each item of the plan kept, and does the evidence carry the claim? One row each, with figures."""

from collections.abc import Iterable

import numpy as np

from quantdl.backtest.book.sizing import TOLERANCE
from quantdl.backtest.judging.attribution import results_by_regime, results_by_stress_window
from quantdl.backtest.judging.evidence import Checklist, ChecklistItem, Evidence, Verdict
from quantdl.backtest.judging.liquidity import exit_report
from quantdl.backtest.plan.friction import VolumeWaiver
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.rules import ENGINE_PREFIX
from quantdl.backtest.running.result import SESSION_DTYPE, BacktestResult

# The year of sessions on which Basel's traffic light judges a 99 % value at risk; with fewer no test has power.
FEWEST_SESSIONS = 250

# Chance that all tests of a right model together raise an alarm; split evenly between them (Bonferroni).
FALSE_ALARM = 0.05

_LOWER_IS_BETTER = ("max_drawdown", "expected_shortfall")


def assess(plan: Plan, result: BacktestResult, evidence: Evidence) -> Checklist:
    """Judge a run by its plan.

    The verdict is "not defended" when any row fails, "relative evidence only" when none fails but some cannot be
    decided (survivors, waived liquidity, no forecast), else "defended".
    """
    items = (
        _hypothesis(plan, result, evidence),
        _horizon(plan, result),
        _trusted_data(plan, evidence),
        _rules(plan, result),
        _sizing(plan, result),
        _related_positions(plan, result),
        _friction(plan, result, evidence),
        _invalidation(plan, result),
        _fast_exit(plan, result),
        _sample(plan, result),
        _abnormal_volatility(plan, result),
        _documentation(plan, evidence),
        _forecast_calibration(evidence),
    )
    return Checklist(_verdict(items), items)


def _verdict(items: Iterable[ChecklistItem]) -> Verdict:
    passed = [item.passed for item in items]
    if False in passed:
        return "not defended"
    return "relative evidence only" if None in passed else "defended"


def _row(item: str, statement: str, figure: str, failures: list[str], doubts: list[str]) -> ChecklistItem:
    """Return a row that fails for its failures, or stays undecided for its doubts, or passes."""
    passed = False if failures else None if doubts else True
    return ChecklistItem(item, passed, statement, figure, "; ".join([*failures, *doubts]))


def _hypothesis(plan: Plan, result: BacktestResult, evidence: Evidence) -> ChecklistItem:
    name, found = plan.hypothesis.yardstick, evidence.yardstick
    if found is None:
        return _row("hypothesis", plan.hypothesis.statement, f"{name} undefined", [], [f"{name} is undefined"])
    loses = found.strategy < found.equal_weight
    if name in _LOWER_IS_BETTER:
        loses = found.strategy > found.equal_weight
    figure = f"{name} {found.strategy:.4f}, equal weight {found.equal_weight:.4f}"
    if name in _LOWER_IS_BETTER:
        figure += " at the same mean exposure"
    if result.halted_on is not None:
        figure += f", both up to the halt on {result.halted_on:%Y-%m-%d}"
    failures = [f"loses to equal weight on {name}"] if loses else []
    return _row("hypothesis", plan.hypothesis.statement, figure, failures, [])


def _horizon(plan: Plan, result: BacktestResult) -> ChecklistItem:
    oldest, day = _oldest_book(result)
    most = plan.horizon.bars + plan.fast_exit.max_sessions - 1  # the exit itself may take that long
    statement = f"no position older than {plan.horizon.bars} bars without a decision"
    late = [f"held {oldest} bars after the last decision, on {day}"] if oldest > most else []
    lengths = result.trades["bars"]
    median = f", median trade {lengths.median():g} bars flat to flat" if len(lengths) else ""
    return _row("horizon", statement, f"oldest book {oldest} bars{median}", late, [])


def _oldest_book(result: BacktestResult) -> tuple[int, str]:
    """Return the most bars that anything was held after the last decision, and the session."""
    sessions = result.equity.index
    decided = np.isin(sessions, np.array([item.session for item in result.decisions], dtype=SESSION_DTYPE))
    rows = np.arange(len(sessions))
    last = np.maximum.accumulate(np.where(decided, rows, -1))
    held = (result.quantities.to_numpy() != 0).any(axis=1)
    ages = np.where(held & (last >= 0), rows - last, 0)
    worst = int(ages.argmax())
    return int(ages[worst]), f"{sessions[worst]:%Y-%m-%d}"


def _trusted_data(plan: Plan, evidence: Evidence) -> ChecklistItem:
    data = plan.trusted_data
    statement = f"{data.source}, {data.adjustment} prices on {data.calendar}, {data.fingerprint[:19]}"
    doubts = []
    if evidence.universe == "survivors":
        doubts = ["the universe is of survivors: only comparisons within it are evidence"]
    elif evidence.universe != "point_in_time":
        doubts = ["how the universe was chosen is unknown: survivorship is not controlled"]
    return _row("trusted_data", statement, evidence.survivorship, [], doubts)


def _rules(plan: Plan, result: BacktestResult) -> ChecklistItem:
    written = {rule.name for rule in plan.rules}
    used = result.orders["rule"].value_counts().sort_index()
    counts = {str(name): int(count) for name, count in used.items()}
    strange = [name for name in counts if name not in written and not name.startswith(ENGINE_PREFIX)]
    failures = [] if counts else ["nothing was traded"]
    if "" in strange:
        failures.append(f"orders without a rule: {counts['']}")
    failures += [f"orders cite '{name}', which the plan does not have" for name in strange if name]
    figure = ", ".join(f"{name or 'untagged'}: {count} orders" for name, count in counts.items()) or "no orders"
    return _row("rules", f"every order cites one of {sorted(written)} or an exit of the plan", figure, failures, [])


def _sizing(plan: Plan, result: BacktestResult) -> ChecklistItem:
    sizing = plan.sizing
    decided = [item.weights for item in result.decisions if item.weights is not None]
    weights = np.array(decided) if decided else np.zeros((1, len(result.assets)))
    largest, gross = float(np.abs(weights).max()), float(np.abs(weights).sum(axis=1).max())
    net = float(np.abs(weights.sum(axis=1)).max())
    worst = max(0.0, -float(result.trades["return_on_equity"].min())) if len(result.trades) else 0.0
    failures = [
        f"{what} {value:.4f} breaks {name} = {cap:g}"
        for what, value, name, cap in (
            ("a decided weight of", largest, "max_weight", sizing.max_weight),
            ("a decided gross weight of", gross, "max_gross", sizing.max_gross),
            ("a decided net weight of", net, "max_net", sizing.max_net if sizing.max_net is not None else np.inf),
            ("a trade's loss of", worst, "max_loss_per_trade", sizing.max_loss_per_trade),
        )
        if value > cap + TOLERANCE
    ]
    if sizing.long_only and (weights < 0).any():
        failures.append(f"a decided weight of {weights.min():.4f} in a long-only plan")
    held = float(result.weights_after_fill.abs().to_numpy().max())
    figure = (
        f"worst trade {-worst:.2%} of equity at entry; largest weight decided {largest:.4f}, held {held:.4f} with drift"
    )
    statement = f"no trade loses more than {sizing.max_loss_per_trade:.2%}, no weight above {sizing.max_weight:g}"
    return _row("sizing", statement, figure, failures, [])


def _related_positions(plan: Plan, result: BacktestResult) -> ChecklistItem:
    related = plan.related_positions
    gross = max((item.group_gross for item in result.decisions), default=0.0)
    net = max((item.group_net for item in result.decisions), default=0.0)
    failures = []
    if gross > related.max_group_gross + TOLERANCE:
        failures.append(f"a group of {gross:.4f} breaks max_group_gross = {related.max_group_gross:g}")
    if related.max_group_net is not None and net > related.max_group_net + TOLERANCE:
        failures.append(f"a net group of {net:.4f} breaks max_group_net = {related.max_group_net:g}")
    held = result.exposures.max()
    figure = f"heaviest group decided {gross:.4f}, held {held.max():.4f} ({held.idxmax()}) with drift"
    return _row("related_positions", f"no group above {related.max_group_gross:g} at a decision", figure, failures, [])


def _friction(plan: Plan, result: BacktestResult, evidence: Evidence) -> ChecklistItem:
    friction, found = plan.friction, evidence.break_even
    stated = friction.commission_bps + friction.half_spread_bps
    failures, doubts = [], []
    if stated == 0 or (len(result.fills) and result.equity["costs"].sum() == 0):
        failures.append("no costs were charged")
    ordered = result.fills[result.fills["order"] > 0]  # order 0 is a delisting's payout
    same_bar = int((ordered["session"] <= ordered["decided"]).sum())
    if same_bar:
        failures.append(f"{same_bar} of {len(ordered)} fills at the close they were decided on")
    if found is None:
        doubts.append("the break-even cost was not computed")
    elif found.lower_bps < stated or found.lower_bps == 0:
        failures.append(f"the profit is gone at {found.lower_bps:.1f} bps, below the stated {stated:g} bps")
    if isinstance(friction.liquidity, VolumeWaiver):
        doubts.append(f"liquidity is waived by {friction.liquidity.signed_by}, capacity is undefined")
    paid = result.equity["costs"].sum() / result.initial_equity
    figure = f"costs {paid:.2%} of initial equity, turnover {result.equity['turnover'].sum():.2f}"
    figure += f"; {found.statement}" if found is not None else ""
    return _row("friction", f"{stated:g} bps each way, filled at {friction.fill_at}", figure, failures, doubts)


def _invalidation(plan: Plan, result: BacktestResult) -> ChecklistItem:
    statement = "traded until one of these fires: " + ", ".join(item.kind for item in plan.invalidation)
    peaks = [f"{name} at most {value:.4g}" for name, value in result.conditions.max().items() if not np.isnan(value)]
    figure = ", ".join(peaks) or "no condition could be measured"
    failures = []
    if result.halted_on is not None:
        failures.append(f"halted on {result.halted_on:%Y-%m-%d}: {result.halt_reason}")
    doubts = [f"{name} was never defined" for name, known in result.conditions.notna().any().items() if not known]
    return _row("invalidation", statement, figure, failures, doubts)


def _fast_exit(plan: Plan, result: BacktestResult) -> ChecklistItem:
    friction, most = plan.friction, plan.fast_exit.max_sessions
    found = exit_report(result, friction.commission_bps, friction.half_spread_bps)
    statement = f"the book can be left within {most} sessions"
    if found is None:
        return _row("fast_exit", statement, "days to liquidate undefined", [], ["liquidity is waived"])
    slow = [f"the book would have taken {found.days:.2f} sessions to leave"] if found.days > most + TOLERANCE else []
    figure = (
        f"{found.days:.2f} sessions at a cost of {found.cost:.2%} of equity; {found.days_half_volume:.2f} with half "
        f"the volume, {found.cost_five_spreads:.2%} with five times the spread"
    )
    return _row("fast_exit", statement, figure, slow, [])


def _sample(plan: Plan, result: BacktestResult) -> ChecklistItem:
    live = int((~result.equity["halted"]).sum())
    fewest = max(plan.sample.minimum_sessions, FEWEST_SESSIONS)
    statement = f"out of sample {plan.sample.first} to {plan.sample.last}, at least {fewest} sessions"
    failures = [f"only {live} sessions were traded, {fewest} are needed"] if live < fewest else []
    figure = f"{live} of {len(result.equity)} sessions traded; purge {plan.sample.purge_bars} bars"
    return _row("sample", statement, figure, failures, [])


def _abnormal_volatility(plan: Plan, result: BacktestResult) -> ChecklistItem:
    abnormal = plan.abnormal_volatility
    by_regime, by_window = results_by_regime(result), results_by_stress_window(result, abnormal.stress_windows)
    parts = [f"{name} {row['return']:+.2%} in {row['sessions']:.0f} sessions" for name, row in by_regime.iterrows()]
    parts += [f"{name} {row['return']:+.2%}" for name, row in by_window.iterrows()]
    statement = f"stressed above {abnormal.stressed_above:.0%} volatility a year: {abnormal.in_stress}"
    invested = (result.equity["gross"] > 0) & (result.regimes["regime"] == "stressed")
    doubts = [] if invested.any() else ["no position was held in a stressed session"]
    return _row("abnormal_volatility", statement, ", ".join(parts), [], doubts)


def _documentation(plan: Plan, evidence: Evidence) -> ChecklistItem:
    statement = f"{plan.documentation.author} answers for the run, kept under {plan.documentation.run_folder}"
    failures = [] if evidence.reproduced_by.strip() else ["nothing says how to repeat the run"]
    return _row("documentation", statement, evidence.reproduced_by, failures, [])


def _forecast_calibration(evidence: Evidence) -> ChecklistItem:
    tests = evidence.calibration
    level = FALSE_ALARM / max(len(tests), 1)
    statement = f"no test rejects the forecasts at {FALSE_ALARM:.0%} over all {len(tests)} tests ({level:.2%} each)"
    if not tests:
        return _row("forecast_calibration", "forecasts agree with what happened", "no forecast", [], ["no forecast"])
    failures = [
        f"{test.name}: {test.figure}, p = {test.p_value:.2g}"
        for test in tests
        if test.p_value is not None and test.p_value < level
    ]
    doubts = [f"{test.name} is undefined" for test in tests if test.p_value is None]
    p_values = ["undefined" if test.p_value is None else f"{test.p_value:.2g}" for test in tests]
    shown = [f"{test.name}: {test.figure}, p = {shown}" for test, shown in zip(tests, p_values, strict=True)]
    return _row("forecast_calibration", statement, "; ".join(shown), failures, doubts)
