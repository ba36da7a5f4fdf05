"""A book of laws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import quantdl as qd
from quantdl.errors import ConfigError, RunError
from quantdl.sequences import ReturnWindow
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns
from tests.report.drawings import values


def test_laws_name_their_sessions_assets_and_windows(ewma_laws, simulated):
    assert ewma_laws.assets == simulated.assets
    assert list(ewma_laws.sessions) == list(simulated.sessions[300:])
    assert ewma_laws.windows == {"next_session": ReturnWindow(0, 1), "position": ReturnWindow(1, 5)}
    assert ewma_laws.position == ReturnWindow(1, 5)


@pytest.mark.parametrize("window", ["next_session", "position"])
def test_a_quantile_has_the_probability_that_was_asked_for(ewma_laws, window):
    found = ewma_laws.quantiles(0.05, window)
    for session in found.index[[0, 50, -1]]:
        law = ewma_laws.at(session, window).law
        probability = law.cdf(torch.tensor(found.loc[[session]].to_numpy()))
        np.testing.assert_allclose(probability.numpy(), 0.05, rtol=1e-6)


def test_several_probabilities_stand_side_by_side(ewma_laws):
    found = ewma_laws.quantiles([0.01, 0.99])
    assert found.columns.names == ["probability", "asset"]
    assert (found[0.01] < found[0.99]).loc[:, "SIM000"].all()
    pd.testing.assert_frame_equal(found[0.01], ewma_laws.quantiles(0.01), check_names=False)


def test_an_asset_that_does_not_trade_has_no_quantile(ewma_laws, simulated):
    absent = ewma_laws.quantiles(0.01)["SIM001"].isna()
    assert list(absent[absent].index) == list(simulated.sessions[400:410])


@pytest.mark.parametrize("probability", [0.0, 1.0, 1.5, float("nan"), "1 %", None, True, ["a"]])
def test_what_is_no_probability_is_refused(ewma_laws, probability):
    with pytest.raises(ConfigError, match="probability: given .*; expected a number between 0 and 1"):
        ewma_laws.quantiles(probability)


def test_a_window_that_the_model_does_not_answer_for_is_refused(ewma_laws):
    with pytest.raises(ConfigError, match="window: given 'postion'; .*; did you mean 'position'"):
        ewma_laws.quantiles(0.01, "postion")


@pytest.mark.parametrize("window", [5, None, ["position"]])
def test_what_is_no_name_of_a_window_is_refused(ewma_laws, window):
    with pytest.raises(ConfigError, match="window: given .*; expected one of next_session, position"):
        ewma_laws.at(window=window)


def test_numbers_of_numpy_are_probabilities_too(ewma_laws):
    expected = ewma_laws.quantiles(0.25)
    pd.testing.assert_frame_equal(ewma_laws.quantiles(np.float32(0.25)), expected)
    assert list(ewma_laws.quantiles(np.array([0.25, 0.5])).columns.levels[0]) == [0.25, 0.5]
    with pytest.raises(ConfigError, match="probability: given none"):
        ewma_laws.quantiles([])


def test_there_is_no_law_outside_the_span(ewma_laws):
    with pytest.raises(RunError, match="no forecast for 2020-01-02. The book runs"):
        ewma_laws.at("2020-01-02")


def test_a_score_is_the_mean_over_the_stock_days(ewma_laws):
    shown, table = ewma_laws.score(), ewma_laws.table
    own = table[(table["window"] == "next_session") & table["observed"]]
    assert shown.loc["stock-days", "value"] == len(own)
    assert shown.loc["log score", "value"] == pytest.approx(-own["log_density"].mean())
    assert shown.loc["inside 90%", "value"] == pytest.approx(100 * own["pit"].between(0.05, 0.95).mean())
    assert shown.loc["inside 90%", "promised"] == pytest.approx(90.0)
    assert shown.loc["equal weight beyond 99% VaR", "promised"] == pytest.approx(0.01 * own["session"].nunique())


def test_what_is_shown_names_the_model_and_loads_nothing(ewma_laws):
    page = ewma_laws._repr_html_()
    assert "ewma_t" in page
    assert "SIM000" in page
    assert "http" not in page
    assert repr(ewma_laws).startswith("Laws of 2 assets by ewma_t, made at 120 closes")


def test_the_fan_of_an_asset_holds_its_quantiles_and_what_came(ewma_laws):
    traces = {trace.name: trace for trace in ewma_laws.plot("SIM000").data}
    np.testing.assert_allclose(values(traces["Median"].y), 100 * ewma_laws.quantiles(0.5)["SIM000"])
    beyond = next(name for name in traces if name.startswith("Beyond"))
    assert len(traces["What came"].x) + len(traces[beyond].x) == 120


def test_the_fan_of_the_book_is_drawn_without_an_asset(ewma_laws):
    figure = ewma_laws.plot()
    assert figure.layout.title.text == "Equal weight: predicted law and what came"


def test_an_unknown_asset_is_named_with_the_one_that_was_meant(ewma_laws):
    with pytest.raises(ConfigError, match="asset: 'SIM00' is none of the prices; did you mean 'SIM00"):
        ewma_laws.plot("SIM00")


def test_laws_of_what_has_not_come_are_not_scored(ewma, simulated):
    last = simulated.sessions[-1]
    laws = ewma.forecast(simulated.until(last), last, last)
    n = len(simulated.sessions)
    late = replace(laws, book=laws.fitted.forecast(range(n - 1, n)))
    with pytest.raises(ConfigError, match="no return that was forecast was observed"):
        late.score()


def test_one_asset_is_counted_as_one():
    prices = qd.Prices.of(panel_of_closes(closes_of(heavy_tailed_returns(419, 1, seed=5))))
    model = qd.EwmaT(horizon=1, refit="once")
    model.fit(prices, train_end=prices.sessions[250], validation_end=prices.sessions[300])
    laws = model.forecast(prices, prices.sessions[400], prices.sessions[400])
    assert repr(laws).startswith("Laws of 1 asset by ewma_t, made at 2 closes")
    assert repr(laws.at()).startswith("Law of 1 asset by ewma_t")
    for shown in (repr(prices), prices._repr_html_(), laws._repr_html_()):
        assert "1 asset" in shown and "1 assets" not in shown
