"""Whether the predicted laws were true: probability integral transform, coverage, scores, and each asset on its own."""

import numpy as np
import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import Cell, Part, Row, Section, Table, header, notice, number, row
from quantdl.report.formatting import COUNT, PERCENT, Unit, p_value
from quantdl.report.quantities import known_first, quantity, recorded
from quantdl.report.record import Record

BINS = 20
ENDS_SHOWN = 20
WINDOWS = {"next_session": "the next session, close to close", "position": "the position, fill to exit"}


def section(run: RunContents) -> Section:
    """Show calibration and scores of the forecasts, or say that the run has none."""
    lead = (
        "Were outcomes as likely as the forecast said? Scores are means over all assets and sessions; lower is better."
    )
    scores = run.metrics.record("forecast")
    if run.forecasts is None and not scores:
        why = (
            "This run has no model, so it made no forecasts: there is nothing to calibrate. Its value at risk, where "
            "shown, comes from past returns."
        )
        return Section("calibration", "Calibration of the forecasts", "Calibration", "", (notice(why),))
    parts = (*_pit_parts(run), *_coverage(scores), *_score_parts(scores), *_asset_parts(scores))
    return Section("calibration", "Calibration of the forecasts", "Calibration", lead, parts)


def pit_shares(forecasts: pd.DataFrame, bins: int = BINS) -> tuple[np.ndarray, np.ndarray, int]:
    r"""Count outcomes per bin of their probability integral transform, with a band that allows for related assets.

    Under a true law the share :math:`s_k` of bin k has mean :math:`1/K`. Sessions are taken as independent; the
    outcomes of one session may depend on each other in any way, so the variance is added up session by session,

    .. math:: \operatorname{Var}(s_k) = \frac{1}{N^2} \sum_t \left(c_{tk} - n_t / K\right)^2

    with :math:`c_{tk}` of the :math:`n_t` outcomes of session t in bin k. A binomial band would be too narrow, since
    the assets of one session move together.

    Args:
        forecasts: Columns session and pit; rows without a pit are left out.
        bins: K, equal bins of [0, 1].

    Returns:
        The shares (K,), the half width (K,) of the pointwise 95 % band around 1 / K, and the number of outcomes.
    """
    known = forecasts.dropna(subset=["pit"])
    bin_of = np.clip((known["pit"].to_numpy(np.float64) * bins).astype(np.int64), 0, bins - 1)
    session_of, sessions = pd.factorize(known["session"])
    counts = np.zeros((len(sessions), bins))
    np.add.at(counts, (session_of, bin_of), 1.0)
    n = len(known)
    surprise = counts - counts.sum(axis=1, keepdims=True) / bins
    return counts.sum(axis=0) / n, 1.96 * np.sqrt((surprise**2).sum(axis=0)) / n, n


def _pit_parts(run: RunContents) -> tuple[Part, ...]:
    if run.forecasts is None:
        return (notice("This run keeps scores but no single forecasts, so there is no histogram of outcomes."),)
    scored = run.forecasts
    if "window" in scored.columns:
        scored = scored[scored["window"] == "next_session"]
    if scored["pit"].notna().sum() == 0:
        return (notice("No forecast of this run met an outcome, so there is no histogram of outcomes."),)
    return (figures.pit_histogram(*pit_shares(scored)),)


def _coverage(scores: Record) -> tuple[Part, ...]:
    levels = scores.records("coverage")
    if not levels:
        return (notice("No coverage per level is recorded for this run."),)
    rows = tuple(_coverage_row(level) for level in levels)
    note = "The share of outcomes inside the central interval of each level; below its level, intervals are too narrow."
    columns = header("Central interval [%]", "Inside [%]", "Difference [percentage points]", "Outcomes")
    return (Table("Coverage", columns, rows, note, narrow=True),)


def _coverage_row(level: Record) -> Row:
    promised, observed = level.number("level"), level.number("observed")
    gap = None if promised is None or observed is None else observed - promised
    name = f"{100 * promised:g}" if promised is not None else "not recorded"
    return row(name, number(observed, PERCENT), number(gap, PERCENT), number(level.number("n"), COUNT))


def _score_parts(scores: Record) -> tuple[Part, ...]:
    parts: tuple[Part, ...] = ()
    uniform = scores.record("pit")
    models = scores.records("compare")
    own = Record({key: value for key, value in scores.values.items() if isinstance(value, int | float | str)})
    if models:
        parts += (_compared(models),)
    elif own:
        keys = [key for key in known_first(list(own.values)) if not isinstance(own.get(key), str)]
        rows = tuple(row(quantity(key).label, recorded(own, key)) for key in keys)
        window = WINDOWS.get(own.text("window"), own.text("window"))
        note = f"Forecasts of {window}." if window else ""
        parts += (Table("Scores", header("Score", own.text("model") or "Model"), rows, note, narrow=True),)
    if uniform:
        parts += (_uniformity(uniform),)
    return parts


def _compared(models: tuple[Record, ...]) -> Table:
    keys = known_first([key for model in models for key in model.values if key != "model"])
    rows = tuple(row(model.text("model"), *(recorded(model, key) for key in keys)) for model in models)
    return Table("Scores of the models compared", header("Model", *(quantity(key).label for key in keys)), rows)


def _uniformity(test: Record) -> Table:
    value = test.number("p_value")
    shown = Cell(p_value(value), numeric=True) if value is not None else recorded(test, "p_value")
    rows = (row(test.text("test") or "Uniformity", number(test.number("statistic"), Unit("", 1.0, 3)), shown),)
    return Table(
        "Test of the probability integral transform", header("Test", "Statistic", "p-value"), rows, narrow=True
    )


def _asset_parts(scores: Record) -> tuple[Part, ...]:
    assets = scores.records("assets")
    if not assets:
        return (notice("No scores per asset are recorded for this run."),)
    keys = known_first([key for asset in assets for key in asset.values if key != "asset"])
    ranked, title, note = assets, "Scores per asset", ""
    if len(assets) > 2 * ENDS_SHOWN:
        by_score = sorted(assets, key=lambda asset: (asset.number("nll") or 0.0, asset.text("asset")))
        ranked = (*by_score[:ENDS_SHOWN], *by_score[-ENDS_SHOWN:])
        title = f"Scores per asset: the {ENDS_SHOWN} best and the {ENDS_SHOWN} worst"
        note = f"By negative log-likelihood, best first, of {len(assets):,} assets; metrics.json holds them all."
    rows = tuple(row(asset.text("asset"), *(recorded(asset, key) for key in keys)) for asset in ranked)
    return (Table(title, header("Asset", *(quantity(key).label for key in keys)), rows, note),)
