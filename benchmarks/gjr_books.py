"""The rival of a book's law: GJR-GARCH with skewed Student-t innovations, fitted by arch to the book's own returns.

One fit a year on everything from 1995 to the end of the year before, filtered daily; the likeliest of three starts. It
never sees single stocks, and it is fitted to each book anew, so it is what a risk manager with one book would use. Fits
are slow (some two seconds of CPU a book and year), so they are kept as Parquet in benchmarks/output.
"""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from arch import arch_model
from arch.univariate.base import ARCHModelResult

FIRST = "1995-01-04"  # from here on every stock has a return
TAILS = {("losses", 0.99): 0.01, ("losses", 0.95): 0.05, ("gains", 0.99): 0.99, ("gains", 0.95): 0.95}
_LARGEST_VOLATILITY = 25.0  # in units of the sample's: beyond, an optimum is absurd


def gjr_books(returns: pd.DataFrame, weights: np.ndarray, test: pd.DatetimeIndex, folder: Path) -> pd.DataFrame:
    """Value at risk and shortfall of every book and test session.

    Args:
        returns: Log returns of single stocks, sessions by assets.
        weights: (K, A) books.
        test: Sessions to predict, from the outcome's side.
        folder: Of the cached fits.

    Returns:
        Columns ``session, book, outcome`` and ``value_at_risk_losses_99`` and so on, as quantdl's books have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = returns.loc[FIRST : str(test[-1].date())]
    frames = []
    for number, weight in enumerate(weights):
        series = pd.Series(known.to_numpy() @ weight, known.index)
        content = np.concatenate([series.to_numpy(), test.asi8.astype(np.float64)]).tobytes()
        path = folder / f"gjr_{hashlib.sha256(content).hexdigest()[:16]}.parquet"
        if not path.exists():
            _predicted(series, test).to_parquet(path.with_suffix(".partial"))
            path.with_suffix(".partial").rename(path)  # a fit that is cut short leaves nothing to be read
        frames.append(pd.read_parquet(path).assign(book=number))
    return pd.concat(frames, ignore_index=True).sort_values(["session", "book"], ignore_index=True)


def _predicted(series: pd.Series, test: pd.DatetimeIndex) -> pd.DataFrame:
    percent = 100.0 * series
    model = arch_model(percent, mean="Constant", vol="GARCH", p=1, o=1, q=1, dist="skewt", rescale=False)
    frames = []
    for year in sorted(set(test.year)):
        fitted = _likeliest(model, percent[percent.index.year < year], pd.Timestamp(f"{year}-01-01")).params
        sessions = test[test.year == year]
        volatility = model.fix(fitted.to_numpy()).conditional_volatility.loc[sessions].to_numpy()
        columns = {"session": sessions, "outcome": series.loc[sessions].to_numpy()}
        for (side, level), probability in TAILS.items():
            place, beyond = _standard_tail(fitted, probability)
            sign, name = (-1.0 if side == "losses" else 1.0), f"{side}_{round(100 * level)}"
            columns[f"value_at_risk_{name}"] = sign * (fitted["mu"] + volatility * place) / 100.0
            columns[f"shortfall_{name}"] = sign * (fitted["mu"] + volatility * beyond) / 100.0
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def _standard_tail(fitted: pd.Series, probability: float) -> tuple[float, float]:
    """Quantile of the standardised skewed t, and its mean beyond."""
    from arch.univariate import SkewStudent

    law, shape = SkewStudent(), np.array([fitted["eta"], fitted["lambda"]])
    quantile = float(law.ppf(np.array([probability]), shape)[0])
    below = float(law.partial_moment(1, quantile, shape))  # E[Z; Z <= q]; all of it adds up to 0
    return quantile, below / probability if probability < 0.5 else -below / (1.0 - probability)


def _likeliest(model: object, past: pd.Series, until: pd.Timestamp) -> ARCHModelResult:
    mean, variance = float(past.mean()), float(past.var())
    starts = (
        None,
        np.array([mean, 0.02 * variance, 0.05, 0.03, 0.91, 5.0, 0.0]),
        np.array([mean, 0.01 * variance, 0.03, 0.04, 0.94, 5.0, 0.0]),
    )
    fits = [fitted for start in starts if (fitted := _fitted(model, start, until, variance)) is not None]
    return max(fits, key=lambda fitted: float(fitted.loglikelihood))


def _fitted(model, start: np.ndarray | None, until: pd.Timestamp, variance: float) -> ARCHModelResult | None:  # noqa: ANN001 - arch has no name for it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a failed start is one of three
        fitted = model.fit(
            last_obs=until, disp="off", show_warning=False, starting_values=start, options={"maxiter": 500}
        )
    values = fitted.params
    volatility = fitted.conditional_volatility.dropna()
    stationary = values["alpha[1]"] + values["beta[1]"] + 0.5 * values["gamma[1]"] <= 1.0 + 1e-6
    moderate = np.isfinite(volatility).all() and volatility.max() <= _LARGEST_VOLATILITY * np.sqrt(variance)
    return fitted if stationary and moderate and np.isfinite(fitted.loglikelihood) else None
