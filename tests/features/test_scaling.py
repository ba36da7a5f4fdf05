"""Scalers say through when they were fitted, and serve nothing earlier."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError, LookAheadError
from quantdl.features import FeatureScaler, feature_table, fit_scaler

GROUPS = ("own_history", "days_closed", "ranks", "calendar")
METHODS = ["standard", "robust"]
THROUGH = date(2001, 12, 31)


@pytest.fixture(scope="module")
def table(dirty):
    return feature_table(dirty, GROUPS)


def later(dirty) -> np.ndarray:
    return np.asarray(dirty.sessions > pd.Timestamp(THROUGH))


@pytest.mark.parametrize("method", METHODS)
def test_noise_in_later_rows_changes_no_bit_of_the_fitted_state(dirty, table, method):
    fitted = fit_scaler(table, dirty, THROUGH, method)
    rows = later(dirty)
    assert 100 < rows.sum() < 300
    noise = np.random.default_rng(0)
    values, known, valid = table.values.copy(), table.known.copy(), table.valid.copy()
    values[rows] = 1e6 * noise.standard_normal(values[rows].shape)
    known[rows], valid[rows] = noise.random(known[rows].shape) < 0.5, True
    replaced = fit_scaler(replace(table, values=values, known=known, valid=valid), dirty, THROUGH, method)
    assert replaced.digest == fitted.digest
    values[~rows] += 1.0
    assert fit_scaler(replace(table, values=values), dirty, THROUGH, method).digest != fitted.digest


@pytest.mark.parametrize("method", METHODS)
def test_a_prefix_of_the_panel_gives_the_same_state(dirty, table, method):
    seen = dirty.until(THROUGH)
    assert fit_scaler(feature_table(seen, GROUPS), seen, "2050-01-01", method) == fit_scaler(
        table, dirty, THROUGH, method
    )


def test_it_refuses_bars_before_its_last_one_unless_they_are_trained_on(dirty, table):
    scaler = fit_scaler(table, dirty, THROUGH)
    assert scaler.fit_through == THROUGH and scaler.fit_known_at == pd.Timestamp("2001-12-31 21:00", tz="UTC")
    expected = "fitted through 2001-12-31 and cannot scale 2000-01-03..2001-12-28, when its centres and spreads"
    with pytest.raises(LookAheadError, match=expected):
        scaler.transform(table, dirty)
    assert scaler.transform(table, dirty, in_sample=True).values.shape == table.values.shape


def test_it_serves_from_its_last_bar_on(dirty, table):
    scaler = fit_scaler(table, dirty, THROUGH)
    first = int(dirty.sessions.get_loc(pd.Timestamp(THROUGH)))
    tail = dirty.between(THROUGH, dirty.sessions[-1])
    rows = {name: getattr(table, name)[first:] for name in ("values", "scale", "valid", "known", "known_at")}
    served = scaler.transform(replace(table, **rows), tail)
    whole = scaler.transform(table, dirty, in_sample=True)
    assert served.values.tobytes() == whole.values[first:].tobytes()


def test_standard_is_the_mean_and_the_deviation_of_the_known_cells(dirty, table):
    scaler = fit_scaler(table, dirty, THROUGH)
    rows = ~later(dirty)
    for number in (0, 5, 15):
        cells = table.values[rows, :, number][table.known[rows, :, number]].astype(float)
        assert scaler.centers[number] == pytest.approx(cells.mean())
        assert scaler.spreads[number] == pytest.approx(cells.std())
    scaled = scaler.transform(table, dirty, in_sample=True)
    for number in range(len(table.features)):
        cells = scaled.values[rows, :, number][table.known[rows, :, number]]
        assert cells.mean() == pytest.approx(0.0, abs=1e-4) and cells.std() == pytest.approx(1.0, abs=1e-4)


def test_robust_is_the_median_and_the_quartiles_and_hardly_moved_by_outliers(dirty, table):
    scaler = fit_scaler(table, dirty, THROUGH, "robust")
    rows = ~later(dirty)
    cells = pd.Series(table.values[rows, :, 0][table.known[rows, :, 0]].astype(float))
    assert scaler.centers[0] == pytest.approx(cells.median())
    assert scaler.spreads[0] == pytest.approx((cells.quantile(0.75) - cells.quantile(0.25)) / 1.349, rel=1e-4)
    values = table.values.copy()
    values[300:303] = 1e9
    moved = [fit_scaler(replace(table, values=values), dirty, THROUGH, method).spreads[0] for method in METHODS]
    assert moved[0] > 1e6 and moved[1] == pytest.approx(scaler.spreads[0], rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_known_stays_zero_and_what_does_not_spread_is_centred(dirty, table, method):
    values = table.values.copy()
    values[..., 3] = 7.0
    scaled = fit_scaler(replace(table, values=values), dirty, THROUGH, method).transform(
        replace(table, values=values), dirty, in_sample=True
    )
    assert not scaled.values[~table.known].any() and np.isfinite(scaled.values).all()
    assert not scaled.values[..., 3].any()


@pytest.mark.parametrize("method", METHODS)
def test_the_state_travels_as_text_bit_for_bit(dirty, table, method):
    scaler = fit_scaler(table, dirty, THROUGH, method)
    again = FeatureScaler.from_json(scaler.to_json())
    assert again == scaler and again.digest == scaler.digest
    assert again.transform(table, dirty, True).values.tobytes() == scaler.transform(table, dirty, True).values.tobytes()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"method": "standard", "features": [3]}', "null"])
def test_other_text_is_refused(text):
    with pytest.raises(DataError, match="Not the state of a fitted scaler"):
        FeatureScaler.from_json(text)


def test_other_columns_or_bars_are_refused(dirty, table):
    scaler = fit_scaler(table, dirty, THROUGH)
    with pytest.raises(DataError, match="Column 12 is .*rank_of_return_1'.* fitted on .*days_closed_ahead"):
        scaler.transform(feature_table(dirty, ("own_history", "ranks")), dirty, in_sample=True)
    with pytest.raises(DataError, match="It knows 27 columns, and the table has 12"):
        scaler.transform(feature_table(dirty, ("own_history",)), dirty, in_sample=True)
    with pytest.raises(DataError, match=r"The table holds 8 assets over .* Pass the panel"):
        scaler.transform(table, dirty.until("2001-12-31"))


def test_nothing_to_fit_on_is_refused(dirty, table):
    for through in ("1999-12-31", "2000-01-10"):
        with pytest.raises(DataError, match=f"cannot be fitted, because no feature is valid up to {through}"):
            fit_scaler(table, dirty, through)


def test_a_table_of_other_years_with_as_many_bars_is_refused(dirty):
    early, late = (dirty.between(dirty.sessions[at], dirty.sessions[at + 249]) for at in (0, 250))
    with pytest.raises(DataError, match="Pass the panel that the features were computed from"):
        fit_scaler(feature_table(late), early, early.sessions[200])


def test_rows_of_a_table_go_with_the_same_rows_of_the_panel(dirty, table):
    scaler = fit_scaler(table, dirty, THROUGH)
    first = int(dirty.known_at.searchsorted(scaler.fit_known_at))
    rest = dirty.between(dirty.sessions[first], dirty.sessions[-1])
    scaled = scaler.transform(table.rows(slice(first, None)), rest)
    whole = scaler.transform(table, dirty, in_sample=True)
    np.testing.assert_array_equal(scaled.values, whole.values[first:])
