"""What a config says at the close of one session: the law of what comes, the risk of the book, and its orders.

The config is carried out up to that session by the same parts as a run, on data that physically end there: the model is
fitted as the run would have fitted it, the strategy decides at every close from the first session of the test span on,
and what it holds and has ordered then is the answer. Nothing of the past performance is looked at, so no trial counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import torch

from quantdl.backtest import BacktestResult, data_faults, prepare
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.backtest.running.engine import Engine
from quantdl.config import ExperimentConfig, configured_strategy, plan_refusal
from quantdl.errors import DataError
from quantdl.experiment.as_of_record import AsOf
from quantdl.experiment.closing import fingerprint_of, following_session, last_session
from quantdl.experiment.judgement import predicted_levels, rate_on_cash
from quantdl.experiment.pipeline import forecast_test_span, loss_predictions
from quantdl.experiment.preparation import SourceData, data_of, prepared, read_sources
from quantdl.experiment.rehearsal import rehearse
from quantdl.experiment.stages import step_of
from quantdl.market.panel import Panel
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.risk.book.predictions import BookRisk, LossPredictions
from quantdl.risk.measures.losses import expected_shortfall_error, portfolio_losses, value_at_risk_error
from quantdl.risk.scores.forecast_scores import QUANTILES, window_names
from quantdl.training.fit import Progress
from quantdl.training.forecasting import ForecastBook
from quantdl.training.splits import split_bars

_WAITS = ("waiting",)  # orders that go on at the next session, filled in part or not at all
_MOST_GROWTH = 2000  # sessions after the plan's sample among which the end of the data that it trusts is looked for


def forecast_as_of(
    config: ExperimentConfig,
    day: date | None = None,
    progress: Progress | None = None,
    begin: Callable[[date], object] | None = None,
) -> AsOf:
    """Carry a config out up to the close of a session and return what it forecasts and orders then.

    Args:
        config: Of the run. The session may lie after the end of its test span, if the data go on: the plan then has to
            trust the data up to some session after its sample.
        day: The session, or a day after it on which the exchange is closed; None for the last one of the data.
        progress: Told what is going on.
        begin: Told the session, before any work.

    Raises:
        DataError: If the data do not reach the day or the end of its session, or it lies before the test span.
        PlanError: If the plan does not fit the data.
        QuantdlError: Whatever else the parts raise, as in a run.
    """
    strategy = configured_strategy(config)
    source = read_sources(config)
    session = _session(config, source.panel, day)
    if begin is not None:
        begin(session.date())
    _check_plan(config, source)
    config = _through(config, session)
    data = data_of(config, replace(source, panel=source.panel.until(session)))
    bars = split_bars(data.panel.sessions, config.splits, following_session(data.panel))
    rate = rate_on_cash(config, data, bars.test)
    rehearse(config, data, bars)
    fitted, book = forecast_test_span(config, data, bars, progress)
    start = data.panel.sessions[bars.test.start + 1]
    initial = config.backtest.initial_equity
    job = prepare(data.panel, config.plan, start, session, initial, rate)
    predictions, forecasts = loss_predictions(config, data, book)
    step = step_of(progress, "backtest")
    engine = Engine(job, forecasts)
    driver = StrategyDriver(job, strategy, forecasts)
    engine.play(driver, step)
    driver.window.check(whole=True)
    result = engine.result()
    label, orders = data.panel.bars[-1], _orders(result, engine.logs.resting())
    positions = _positions(result, orders, job.tape.marks[-1])
    in_book = (positions["shares"] != 0) | (positions["weight_after_orders"] != 0)
    seen = None if fitted is None else [bar for bar in fitted.fitted.fitted_through if bar <= label][-1]
    following = following_session(data.panel)
    return AsOf(
        session=session.date(),
        next_session=None if following is None else following.date(),
        fitted_through=None if seen is None else seen.date(),
        equity=result.final_equity,
        cash=float(result.equity["cash"].iloc[-1]),
        fill_at=config.plan.friction.fill_at,
        halted=result.halt_reason,
        law=_law_table(book, label),
        risk=_risk_table(predictions, label, positions, result, predicted_levels(job.terms.risk_levels)),
        orders=orders,
        exits=engine.logs.exits(),
        positions=positions[in_book].reset_index(drop=True),
        events=_events(result, label),
    )


def _session(config: ExperimentConfig, panel: Panel, day: date | None) -> pd.Timestamp:
    """The last session up to a day, which must not lie before the test span nor after the data."""
    first = pd.Timestamp(config.splits.test_start)
    is_early = day is not None and pd.Timestamp(day) < first
    session = first if is_early else last_session(panel, day)
    if is_early or session < first:
        where = config.where("splits", "test_start")
        raise DataError(
            f"as of {session if day is None else day:%Y-%m-%d}: {where} is {first:%Y-%m-%d}, and what comes "
            "before it was used to fit and to choose. Give a day of the test span or after it."
        )
    return session


def _through(config: ExperimentConfig, session: pd.Timestamp) -> ExperimentConfig:
    """The config with a test span and a sample that end with a session."""
    last = session.date()
    plan = replace(config.plan, sample=replace(config.plan.sample, last=last))
    return config.model_copy(update={"splits": replace(config.splits, test_end=last), "plan": plan})


def _check_plan(config: ExperimentConfig, source: SourceData) -> None:
    """Refuse a plan that does not fit the data, all of them: also those after the session, which nothing else reads.

    Data that have grown since the plan was written have another fingerprint. They are what the plan trusts if they had
    its fingerprint when they ended at some session after its sample.

    Raises:
        PlanError: With every fault.
    """
    data, sample = prepared(config, source), config.plan.sample
    start, end = pd.Timestamp(sample.first), pd.Timestamp(sample.last)
    faults = list(data_faults(config.plan, data.panel, start, end))
    other = [fault for fault in faults if fault.item == "trusted_data.fingerprint"]
    if other and _had_fingerprint(source, config.plan.trusted_data.fingerprint, end):
        faults.remove(other[0])
    elif other:
        faults[faults.index(other[0])] = _grown(other[0], end)
    if faults:
        raise plan_refusal(config, tuple(faults))


def _had_fingerprint(source: SourceData, wanted: str, earliest: pd.Timestamp) -> bool:
    """Whether the prices, cut at some session, have a fingerprint; converted ones are not looked through."""
    panel = source.panel
    if source.exchange_rates:
        return False
    ends = panel.sessions[panel.sessions >= earliest].unique()[:_MOST_GROWTH]
    return any(fingerprint_of(panel.until(end)) == wanted for end in ends)


def _grown(fault: PlanFault, end: pd.Timestamp) -> PlanFault:
    never = f"the data had it up to no session from {end:%Y-%m-%d} on either, so their past has changed"
    expected = f"{fault.expected}; {never}"
    return replace(fault, expected=expected)


def _orders(result: BacktestResult, resting: pd.DataFrame) -> pd.DataFrame:
    """The orders that go on at the next session, with the prices that some of them wait for."""
    orders = result.orders[result.orders["status"].isin(_WAITS)]
    worst = orders["limit_price"].where(np.isfinite(orders["limit_price"]) & (orders["limit_price"] > 0))
    waits_for = resting.set_index("order").reindex(orders["order"]).set_index(orders.index)
    left = waits_for["left"]  # less than what is not filled where cash has cut the order
    columns = {
        "asset": orders["asset"],
        "rule": orders["rule"],
        "kind": orders["kind"],
        "side": np.where(left > 0, "buy", "sell"),
        "quantity": left,
        "reference_price": orders["reference_price"],
        "worst_price": worst,
        "trigger_price": waits_for["trigger_price"],
        "trail": waits_for["trail"],
        "value": left * orders["reference_price"],
        "target_weight": orders["target_weight"],
        "decided": orders["decided"],
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _positions(result: BacktestResult, orders: pd.DataFrame, marks: np.ndarray) -> pd.DataFrame:
    """Every asset with what is held of it at the last close, and its weight once its orders are filled there."""
    held = result.quantities.iloc[-1].to_numpy(dtype=np.float64)
    wanted = orders.groupby("asset")["quantity"].sum().reindex(list(result.assets), fill_value=0.0).to_numpy()
    value = np.where(held != 0, held * marks, 0.0)
    after = np.where(held + wanted != 0, (held + wanted) * marks, 0.0)
    columns = {
        "asset": list(result.assets),
        "shares": held,
        "price": marks,
        "value": value,
        "weight": value / result.final_equity,
        "weight_after_orders": after / result.final_equity,
    }
    return pd.DataFrame(columns)


def _events(result: BacktestResult, session: pd.Timestamp) -> pd.DataFrame:
    events = result.events[result.events["session"] == session]
    return events[["item", "condition", "detail"]].reset_index(drop=True)


def _law_table(book: ForecastBook | None, session: pd.Timestamp) -> pd.DataFrame:
    """Mean and quantiles of every asset's return over every window, as of a close."""
    names = ["asset", "window", "bars", "present", "mean", *QUANTILES]
    if book is None:
        return pd.DataFrame(columns=names)
    windows = dict.fromkeys(piece.window for piece in book.pieces)
    frames = []
    for window, name in window_names(windows).items():
        law = book.law(session, window)
        present = law.present[0].cpu().numpy()
        figures = {"mean": law.mean, **{quantile: law.icdf(level) for quantile, level in QUANTILES.items()}}
        columns = {key: value[0].detach().double().cpu().numpy() for key, value in figures.items()}
        known = {key: np.where(present, values, np.nan) for key, values in columns.items()}
        frame = pd.DataFrame({"asset": list(book.assets), "window": name, "bars": window.bars, "present": present})
        frames.append(frame.assign(**known))
    return pd.concat(frames, ignore_index=True)


def _risk_table(
    predictions: LossPredictions,
    session: pd.Timestamp,
    positions: pd.DataFrame,
    result: BacktestResult,
    levels: tuple[float, ...],
) -> pd.DataFrame:
    """Value at risk and shortfall of the book that is held, and of the one that the orders make of it."""
    rows: list[dict[str, object]] = []
    for name, column in (("held", "weight"), ("after the orders", "weight_after_orders")):
        weights = positions[column].to_numpy(dtype=np.float64)
        if not weights.any():
            continue
        books = [("next session", predictions.book_risk(session, weights))]
        if isinstance(predictions, ModelPredictions) and column == "weight_after_orders":
            books += list(_position_risk(predictions, session, weights))
        for window, risk in books:
            rows += [{"book": name, "window": window, **_figures(risk, level, predictions, result)} for level in levels]
    names = ("book", "window", "level", *_ESTIMATES, "value_at_risk_money", "basis")
    return pd.DataFrame(rows, columns=list(names))


_ESTIMATES = ("value_at_risk", "value_at_risk_error", "expected_shortfall", "expected_shortfall_error")


def _position_risk(
    predictions: ModelPredictions, session: pd.Timestamp, weights: np.ndarray
) -> Iterator[tuple[str, BookRisk]]:
    """Losses from the fill to the exit, where the model serves every asset of the book."""
    draws, bars = predictions.position_draws(session), predictions.position.bars
    held = weights != 0
    if np.isfinite(draws[:, held]).all():
        losses = portfolio_losses(torch.from_numpy(draws[:, held]), torch.from_numpy(weights[held]))
        yield f"position, {bars} bar{'s' if bars > 1 else ''} from the fill", BookRisk(losses)


def _figures(risk: BookRisk, level: float, predictions: LossPredictions, result: BacktestResult) -> dict[str, object]:
    if not risk.reaches(level):
        return {"level": level, **dict.fromkeys(_ESTIMATES, np.nan), "basis": f"undefined: {risk.short_of(level)}"}
    limit = risk.value_at_risk(level)
    errors = [float(error(risk.losses, level)) for error in (value_at_risk_error, expected_shortfall_error)]
    estimates = (limit, errors[0], risk.expected_shortfall(level), errors[1])
    return {
        "level": level,
        **dict(zip(_ESTIMATES, estimates, strict=True)),
        "value_at_risk_money": limit * result.final_equity,
        "basis": predictions.source(risk.n, risk.n),
    }
