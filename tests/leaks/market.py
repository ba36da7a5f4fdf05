"""A small pipeline, from bars to orders, whose stages a test takes out and puts back with a leak in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from quantdl.audit import Fitted, Pipeline, Stage, Traced, World
from quantdl.backtest import Decision, Forecasts, prepare
from quantdl.market.panel import Panel
from quantdl.market.series.declaration import ReleaseRule
from tests.backtest.worlds import plan_for, world
from tests.panels import exogenous_series

N_BARS, N_ASSETS, FIRST = 130, 5, 60
FIELDS = ("open", "high", "low", "close", "volume")
FIT = FIRST - 2  # last bar that the scaler sees
N_DRAWS = 24


@cache
def true_world() -> World:
    """Bars of five assets that trade every day, one listed late and one that ends; a series released five days late."""
    generator = np.random.default_rng(11)
    shape = (N_BARS, N_ASSETS)
    closes = 100 * np.exp(np.cumsum(0.02 * generator.standard_normal(shape), axis=0))
    opens = np.vstack([closes[:1], closes[:-1]]) * np.exp(0.005 * generator.standard_normal(shape))
    high = np.maximum(opens, closes) * np.exp(0.01 * np.abs(generator.standard_normal(shape)))
    low = np.minimum(opens, closes) * np.exp(-0.01 * np.abs(generator.standard_normal(shape)))
    volume = 1e6 * np.exp(0.5 * generator.standard_normal(shape))
    fields = dict(zip(FIELDS, (opens, high, low, closes, volume), strict=True))
    for values in fields.values():
        values[:40, 3] = np.nan
        values[105:, 4] = np.nan
    made = world(fields["close"], fields={name: fields[name] for name in FIELDS if name != "close"})
    silence = replace(made.silence, ended={"A04": made.sessions[104].date()})
    ended = made.status.copy()
    ended[105:, 4] = 4
    panel = replace(made, silence=silence, status=ended)
    rule = ReleaseRule("day", 5, "08:00", "America/New_York", None)
    dated = pd.DatetimeIndex(panel.sessions.astype("datetime64[us]"))
    series = exogenous_series("rate", dated, 5 + np.cumsum(0.1 * generator.standard_normal(N_BARS)), rule)
    return World(panel, {"rate": series})


Frame = pd.DataFrame
Feature = Callable[[World, Panel], dict[str, np.ndarray]]


def frame(panel: Panel, field: str = "close") -> Frame:
    return pd.DataFrame(panel.fields[field], panel.sessions, list(panel.assets))


def momentum(world: World, panel: Panel) -> dict[str, np.ndarray]:
    """The feature of the clean pipeline: log returns over five bars."""
    return {"momentum": np.log(frame(panel)).diff(5).to_numpy()}


@dataclass(frozen=True)
class Scaler:
    center: float
    spread: float


def fit_scaler(rows: np.ndarray) -> Scaler:
    return Scaler(float(np.nanmean(rows)), float(np.nanstd(rows)))


def everyone(world: World, panel: Panel) -> np.ndarray:
    """The universe of the clean pipeline: who traded in one of the last ten bars."""
    traded = pd.DataFrame(panel.traded).rolling(10, min_periods=1).max()
    return traded.to_numpy() > 0


def same(world: World) -> Panel:
    return world.panel


def by_draws(world: World) -> "ByDraws":
    return ByDraws()


class ByDraws:
    """Holds the half whose draws are better, every third session."""

    def decide(self, view):
        if len(view.sessions) % 3:
            return None
        means = np.where(view.listed, np.nan_to_num(view.draws).mean(axis=0), -np.inf)
        weights = np.zeros(len(view.assets))
        weights[np.argsort(-means)[:2]] = 0.4
        return Decision(weights * view.listed, "rebalance")


def pipeline(
    source: Callable[[World], Panel] = same,
    members: Callable[[World, Panel], np.ndarray] = everyone,
    feature: Feature = momentum,
    fit_rows: Callable[[np.ndarray], np.ndarray] = lambda rows: rows[: FIT + 1],
    strategy: Callable = by_draws,
    true: World | None = None,
    rescaled: bool = False,
    **items,
) -> Pipeline:
    """The pipeline, clean unless told otherwise; ``items`` change its plan, ``rescaled`` scales anew in every world."""
    true = true or true_world()

    def features(world_, values, at):
        return feature(world_, values["universe"])

    def scaled(world_, values, at):
        (rows, *_) = values["features"].values()
        scaler = fit_scaler(fit_rows(rows)) if rescaled else fitted
        return (rows - scaler.center) / scaler.spread

    def fitted_arrays(world_, values):
        (rows, *_) = values["features"].values()
        found = fit_scaler(fit_rows(rows))
        return {"center": np.array([found.center]), "spread": np.array([found.spread])}

    def job(values, at):
        panel = values["universe"]
        plan = plan_for(panel, first=FIRST, **{"trusted_data": {"fields": FIELDS}, **items})
        return prepare(panel, plan, panel.sessions[FIRST], panel.sessions[-1] if at is None else at)

    def forecasts(values):
        panel, rows = values["universe"], values["scaled"]
        noise = 0.02 * np.random.default_rng(5).standard_normal((N_DRAWS, len(panel.assets)))

        def draws(session):
            row = rows[panel.sessions.searchsorted(session)]
            return noise + 0.01 * np.tanh(row)

        return Forecasts(5, draws, None)

    def traced(panel: Panel, names=FIELDS) -> Traced:
        return Traced(panel.sessions, {name: panel.fields[name] for name in names}, panel.assets)

    sessions, assets = true.panel.sessions, true.panel.assets
    stages = (
        Stage("source", lambda world_, values, at: source(world_), lambda panel, at: traced(panel)),
        Stage(
            "universe",
            lambda world_, values, at: replace(values["source"], members=members(world_, values["source"])),
            lambda panel, at: Traced(panel.sessions, {"members": panel.members}, panel.assets),
        ),
        Stage(
            "features", features, lambda found, at: Traced(sessions[: len(next(iter(found.values())))], found, assets)
        ),
        Stage("scaled", scaled, lambda rows, at: Traced(sessions[: len(rows)], {"momentum": rows}, assets)),
    )
    rows = next(iter(feature(true, replace(source(true), members=None)).values()))
    fitted = fit_scaler(fit_rows(rows))
    part = Fitted("scaler", true.panel.sessions[FIT], fitted_arrays, "features")
    return Pipeline(true, stages, job, forecasts, strategy, True, (part,))


def ended_on(panel: Panel, asset: str) -> date | None:
    return panel.silence.ended.get(asset)
