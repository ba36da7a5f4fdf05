"""Models with scikit-learn's habits: settings in, fit, forecast; and every refusal in the words of a config."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import quantdl as qd
from quantdl.errors import ConfigError, DataError, LookAheadError
from quantdl.models.settings import TransformerSettings
from quantdl.simulation import panel_of_closes
from quantdl.training.settings import TrainingSettings
from tests.interface.conftest import TINY
from tests.panels import closes_of, heavy_tailed_returns


def test_laws_are_those_of_the_command_line_bit_for_bit(laws, small_outcome):
    pd.testing.assert_frame_equal(laws.table, small_outcome.forecasts, check_exact=True)


def test_fit_returns_the_model_itself(model):
    assert isinstance(model, qd.Transformer)
    assert model.fitted_through == (pd.Timestamp("2016-06-30"),)
    assert len(model.reports[0].epochs) == 2


def test_settings_are_those_of_the_kind_and_of_training():
    model = qd.Transformer(horizon=5, width=16, epochs=3)
    assert model.settings == TransformerSettings(horizon=5, width=16)
    assert type(model.settings) is TransformerSettings
    assert model.training == TrainingSettings(epochs=3)


def test_all_wrong_settings_are_named_at_once_as_a_config_names_them():
    with pytest.raises(ConfigError) as raised:
        qd.Transformer(horizon=0, width=30, epochs=0, device="gpu", seed=-1)
    assert str(raised.value).splitlines() == [
        "Transformer: 4 errors",
        "  horizon: given '0'; expected a whole number, above 0",
        "  epochs: given '0'; expected a whole number, above 0",
        "  device: given 'gpu'; expected one of auto, cpu, cuda; did you mean 'cpu'?",
        "  seed: given '-1'; expected a whole number, at least 0, below 9223372036854775808",
    ]


def test_settings_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ConfigError, match="Transformer: width: given 30; expected a multiple of twice the heads"):
        qd.Transformer(horizon=5, width=30)


def test_a_parameter_can_be_read_and_set_and_a_model_with_others_is_not_fitted(model):
    other = clone(model).set_params(width=16, epochs=1)
    assert (other.get_params()["width"], other.training.epochs, other.settings.width) == (16, 1, 16)
    with pytest.raises(ConfigError, match=r"fitted_through asks for a fitted model.*call fit\("):
        _ = other.fitted_through


def test_a_clone_has_the_settings_and_no_fit(model):
    copied = clone(model)
    assert copied is not model
    assert copied.get_params() == model.get_params()
    assert repr(copied).endswith("not fitted")


def test_an_unknown_parameter_is_named_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="widht: unknown argument; .*did you mean 'width'"):
        qd.Transformer(horizon=5).set_params(widht=8)


def test_the_text_says_what_differs_from_the_defaults_and_what_was_seen(model):
    settings = "horizon=5, width=8, heads=2, layers=1, context=32, epochs=2, rows=4"
    assert repr(model) == f"Transformer({settings}): fitted through 2016-06-30"
    assert "2 passes" in model._repr_html_()
    assert "not fitted" in clone(model)._repr_html_()


def test_the_loss_that_is_shown_is_that_of_the_pass_that_was_kept(model):
    least = min(model.reports[0].epochs, key=lambda one: one.validation_loss)
    assert f"kept is number {least.epoch}<" in model._repr_html_()
    assert f"{least.validation_loss:.4f} nats" in model._repr_html_()


def test_the_course_of_training_is_drawn(model, ewma):
    assert [trace.name for trace in model.plot().data] == ["Training", "Validation"]
    with pytest.raises(ConfigError, match="EwmaT: no passes over the data are known of this model"):
        ewma.plot()


def test_a_forecast_before_a_fit_says_what_to_do(prices):
    expected = r"EgarchT: forecast asks for a fitted model, .*fit\(panel, train_end=\.\.\., validation_end=\.\.\.\)"
    with pytest.raises(ConfigError, match=expected):
        qd.EgarchT(horizon=1).forecast(prices, "2017-01-03", "2017-12-29")


def test_what_the_fit_saw_is_not_forecast(model, prices):
    expected = "2016-06-30 cannot be forecast by a model fitted through 2016-06-30"
    with pytest.raises(LookAheadError, match=expected):
        model.forecast(prices, "2016-06-30", "2016-12-30")


def test_days_outside_the_data_are_named(model, prices):
    with pytest.raises(DataError, match=r"^end 2023-06-30 outside the data, which runs 2010-01-04\.\.2022-12-28\."):
        model.forecast(prices, "2016-07-01", "2023-06-30")
    with pytest.raises(DataError, match=r"^train_end 2030-01-01, validation_end 2031-01-01 outside the data"):
        qd.Transformer(horizon=5).fit(prices, train_end="2030-01-01", validation_end="2031-01-01")


def test_days_that_are_not_in_order_are_refused(model, prices):
    with pytest.raises(ConfigError, match="validation_end: given 2015-01-02; expected a date after train_end, which"):
        qd.Transformer(horizon=5).fit(prices, train_end="2016-01-04", validation_end="2015-01-02")
    with pytest.raises(ConfigError, match="end: given 2016-07-01; expected a date from start on"):
        model.forecast(prices, "2016-08-01", "2016-07-01")


def test_prices_of_another_calendar_are_refused(model):
    closes = pd.DataFrame({"7203": [1.0, 2.0, 3.0]}, pd.to_datetime(["2017-01-04", "2017-01-05", "2017-01-06"]))
    tokyo = qd.read_prices(closes, calendar="XTKS", adjustment="split")
    with pytest.raises(DataError, match="given prices with the calendar XTKS; expected XNYS, which the model was"):
        model.forecast(tokyo, "2017-01-05", "2017-01-06")


def test_an_econometric_model_forecasts_the_assets_that_it_was_fitted_on(ewma, simulated):
    with pytest.raises(ConfigError, match="given prices without SIM001; expected the 2 assets that the model was"):
        ewma.forecast(simulated.select(["SIM000"]), simulated.sessions[301], simulated.sessions[-1])


def test_a_network_forecasts_assets_that_it_never_saw(model):
    other = qd.load_sp500().select(["MSFT", "WMT"]).between("2014-01-02", "2016-12-30")
    assert model.forecast(other, "2016-12-01", "2016-12-30").assets == ("MSFT", "WMT")


def test_a_refitted_model_is_fitted_again_up_to_the_end_of_the_prices():
    panel = panel_of_closes(closes_of(heavy_tailed_returns(800, 2, seed=1)))
    first, last = panel.sessions[0], panel.sessions[-1]
    assert (first.year, last.year) == (2000, 2003)
    fitted = qd.EwmaT(horizon=1).fit(panel, train_end="2001-03-30", validation_end="2001-06-29")
    ends = [panel.sessions[panel.sessions.year == year][-1] for year in (2001, 2002)]
    assert fitted.fitted_through == (pd.Timestamp("2001-06-29"), *ends)
    assert repr(fitted).endswith(f": fitted through 2001-06-29, refitted yearly, 2 times up to {ends[-1]:%Y-%m-%d}")


def test_a_later_future_changes_no_fit_and_no_law(simulated, ewma, ewma_laws):
    closes = simulated.closes.copy()
    closes[360:] *= 1.2
    other = panel_of_closes(closes)
    fitted = qd.EwmaT(horizon=5, refit="once").fit(
        other, train_end=simulated.sessions[250], validation_end=simulated.sessions[300]
    )
    again = fitted.forecast(other, simulated.sessions[301], simulated.sessions[-1]).quantiles(0.01)
    pd.testing.assert_frame_equal(again.iloc[:60], ewma_laws.quantiles(0.01).iloc[:60], check_exact=True)


def test_positions_that_are_filled_at_the_open_need_opens(simulated):
    ends = {"train_end": simulated.sessions[250], "validation_end": simulated.sessions[300]}
    with pytest.raises(DataError, match="the data has no opens"):
        qd.EwmaT(horizon=5, fill_at="next_open").fit(simulated, **ends)


def test_progress_is_told_to_whom_it_is_given(ewma, simulated):
    said = []
    span = simulated.sessions[310], simulated.sessions[320]
    ewma.forecast(simulated, *span, progress=lambda *step: said.append(step))
    assert said[-1] == ("forecasting", 12, 12)  # eleven sessions, and the one before them


def test_the_tiny_network_is_that_of_the_small_experiment(model, small_outcome):
    assert {name: model.get_params()[name] for name in TINY} == TINY
    assert small_outcome.fitted.architecture.settings["width"] == TINY["width"]


def test_progress_that_cannot_be_told_is_refused_before_anything_is_fitted(ewma, simulated):
    ends = {"train_end": simulated.sessions[250], "validation_end": simulated.sessions[300]}
    model = qd.EwmaT(horizon=5)
    with pytest.raises(ConfigError, match="^progress: given 'yes'; expected True"):
        model.fit(simulated, **ends, progress="yes")
    assert repr(model).endswith("not fitted")
    with pytest.raises(ConfigError, match="^progress: given 1; expected True"):
        ewma.forecast(simulated, simulated.sessions[301], simulated.sessions[302], progress=1)


def test_too_little_history_names_the_arguments_of_the_fit(simulated):
    with pytest.raises(DataError) as raised:
        qd.EwmaT(horizon=1).fit(simulated, train_end=simulated.sessions[50], validation_end=simulated.sessions[60])
    assert f"returns up to {simulated.sessions[60]:%Y-%m-%d}, where the fit ends" in str(raised.value)
    assert "later days for train_end and validation_end" in str(raised.value)
    assert "splits" not in str(raised.value)


def test_numbers_of_numpy_are_shown_and_kept_as_numbers():
    model = qd.EwmaT(horizon=np.int64(5), decay=np.float64(0.9), seed=np.int64(3))
    assert repr(model) == "EwmaT(horizon=5, decay=0.9, seed=3): not fitted"
    assert "np." not in model._repr_html_()
    assert (type(model.horizon), type(model.decay), type(model.seed)) == (int, float, int)


def test_features_that_are_a_mapping_are_those_settings(simulated):
    ends = {"train_end": simulated.sessions[250], "validation_end": simulated.sessions[300]}
    model = qd.EwmaT(horizon=5, refit="once", features={"groups": ["own_history"]})
    assert model.features == qd.FeatureSettings(groups=("own_history",))
    assert model.fit(simulated, **ends).fitted_through == (simulated.sessions[300],)
