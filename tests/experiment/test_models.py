"""From the settings of a model to its network, and a stored model back from its description."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from quantdl.config import load_config
from quantdl.distributions import MixtureForecast
from quantdl.errors import DataError
from quantdl.experiment import models
from quantdl.experiment.models import build_network, fit_model, load_model, member_seed
from quantdl.features import feature_table
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.models.settings import (
    BayesianSettings,
    ClassicalModel,
    ClassicalSettings,
    EnsembleSettings,
    FlowSettings,
    GarchSettings,
    GjrSettings,
    GraphSettings,
    GroupsFile,
    HistoricalSettings,
    MarketStatesSettings,
    ModelSettings,
    Network,
    TransformerSettings,
)
from quantdl.sequences import NEXT_SESSION, ReturnWindow, Shard
from quantdl.simulation import panel_of_closes
from quantdl.training.checkpoints import save_checkpoint
from quantdl.training.fit import FitReport
from quantdl.training.forecasting import FittedModel, forecast_members, forecast_sessions
from quantdl.training.parallel import Processes
from quantdl.training.splits import FitSpans, SplitBars

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("settings", get_args(Network))
def test_each_network_is_built_from_its_own_settings(settings):
    name = settings.__name__.replace("Settings", "Forecaster")
    assert type(build_network(settings(5), 25, 2)).__name__ == name


def test_a_model_is_a_network_or_a_volatility_model_or_an_ensemble():
    volatility = {choice for choice in get_args(ModelSettings) if issubclass(choice, ClassicalSettings)}
    assert volatility == set(get_args(ClassicalModel))
    assert set(get_args(ModelSettings)) - volatility == {*get_args(Network), EnsembleSettings}


def parameters(settings) -> int:
    return sum(parameter.numel() for parameter in build_network(settings, 25, 2).parameters())


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        (TransformerSettings(5, width=16), TransformerSettings(5, width=32)),
        (TransformerSettings(5, layers=1), TransformerSettings(5, layers=2)),
        (FlowSettings(5, bins=4), FlowSettings(5, bins=8)),
        (GraphSettings(5, hops=1), GraphSettings(5, hops=2)),
        (BayesianSettings(5), BayesianSettings(5, network="sector_tree", layers=2)),
        (TransformerSettings(5, trailing_factors=1), TransformerSettings(5, trailing_factors=4)),
    ],
)
def test_what_the_settings_say_is_built(smaller, larger):
    assert parameters(smaller) < parameters(larger)


def test_the_weights_come_from_torchs_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = build_network(TransformerSettings(5), 25, 2).state_dict()
        torch.manual_seed(3)
        again = build_network(TransformerSettings(5), 25, 2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def early_prices() -> tuple[Panel, SplitBars]:
    """Six stocks until 1993, and spans of them."""
    panel = load_sp500().until("1993-12-31")
    return panel.select(panel.assets[:6]), SplitBars(FitSpans(range(0, 700), range(699, 850)), range(849, 900))


@pytest.mark.slow
def test_a_posterior_over_a_sector_tree_is_fitted_stored_and_read_back(tmp_path):
    config = load_config(CONFIGS / "quickstart.yaml")
    short = replace(config.training, epochs=1, warm_up_steps=5)
    panel, bars = early_prices()
    settings = BayesianSettings(5, network="sector_tree", width=8, heads=2, layers=1, members=3, posterior_steps=4)
    table = feature_table(panel, config.features.groups)
    block = fit_model(settings, panel, table, bars, config.model_copy(update={"training": short}))
    assert not torch.equal(block.fitted.model.members[0], block.fitted.model.members[1])
    save_checkpoint(tmp_path, block.fitted, block.architecture)
    again, architecture = load_model(tmp_path)
    assert architecture == block.architecture
    first, second = (
        forecast_sessions(fitted, block.histories, bars.test).law(panel.sessions[860], block.histories.windows[0])
        for fitted in (block.fitted, again)
    )
    assert isinstance(first, MixtureForecast) and len(first.members) == 3
    assert torch.equal(first.icdf(0.01), second.icdf(0.01))


def test_each_of_several_processes_draws_the_posterior_of_all_data(monkeypatch):
    config = load_config(CONFIGS / "quickstart.yaml")
    panel, bars = early_prices()
    settings = BayesianSettings(5, width=8, heads=2, layers=1, context=8, members=2, posterior_steps=3)
    table = feature_table(panel, ("own_history",))
    report = FitReport((), 0, bars.fit.validation[-1])
    monkeypatch.setattr(models, "fit", lambda *_: report)  # processes would add up their gradients there
    drawn = []
    for shard in (Shard(), Shard(0, 2), Shard(1, 2)):
        monkeypatch.setattr(Processes, "current", lambda shard=shard: Processes(shard))
        drawn.append(fit_model(settings, panel, table, bars, config).fitted.model.members)
    assert all(torch.equal(members, drawn[0]) for members in drawn[1:])


def test_a_graph_reads_the_sectors_that_its_settings_name():
    config = load_config(CONFIGS / "quickstart.yaml")
    short = replace(config.training, epochs=1, warm_up_steps=5)
    panel, bars = early_prices()
    groups = {panel.assets[number]: ("one",) for number in (0, 1)}
    settings = GraphSettings(5, width=8, heads=2, edges="both", neighbours=1, groups=groups)
    bare, table = replace(panel, sectors={}), feature_table(panel, config.features.groups)
    block = fit_model(settings, bare, table, bars, config.model_copy(update={"training": short}))
    batch = block.histories.batch([range(bars.test.start, bars.test.start + 1)], 2)
    found = {tuple(edge) for edge in batch.edge_index[:, batch.edge_in_group].T.tolist() if max(edge) < 6}
    assert found == {(0, 1), (1, 0)}
    assert not batch.edge_in_group.all()
    with pytest.raises(DataError, match="the prices declare none. Declare them"):
        fit_model(replace(settings, groups={}), bare, table, bars, config)


@pytest.mark.slow
def test_sector_factors_come_from_the_panel_the_settings_or_a_file_and_are_refused_without(tmp_path):
    config = load_config(CONFIGS / "quickstart.yaml")
    short = replace(config.training, epochs=1, warm_up_steps=5)
    panel, bars = early_prices()
    table, quick = feature_table(panel, config.features.groups), config.model_copy(update={"training": short})
    first, block = range(bars.test.start, bars.test.start + 1), dict.fromkeys(panel.assets[:3], "one")
    settings = TransformerSettings(5, width=8, heads=2, trailing_factors=2, sector_factors=True)
    fitted = fit_model(settings, replace(panel, sectors=block), table, bars, quick)
    found = fitted.histories.batch([first], 2).trailing_loadings
    assert found.shape[-1] == 3 and not found[:, 3:, 2].any()
    bare, states = replace(panel, sectors={}), MarketStatesSettings(5, factors=2, refit="once", sector_factors=True)
    named = replace(states, groups={asset: (name,) for asset, name in block.items()})
    stated = fit_model(named, bare, table, bars, quick).histories.batch([first], 2).trailing_loadings
    torch.testing.assert_close(stated, found, rtol=0.0, atol=0.0)
    listed = tmp_path / "groups.csv"
    listed.write_text("symbol,sector\nELSEWHERE,one\n" + "".join(f"{asset},{name}\n" for asset, name in block.items()))
    of_file = quick.model_copy(update={"groups": GroupsFile(listed.absolute(), ("sector",))})
    for asked in (states, EnsembleSettings(5, members=(states, HistoricalSettings(5)))):
        read = fit_model(asked, bare, table, bars, of_file).histories.batch([first], 2).trailing_loadings
        torch.testing.assert_close(read, found, rtol=0.0, atol=0.0)
    listed.write_text("symbol,sector\nELSEWHERE,one\n")
    with pytest.raises(DataError, match=r"groups\.csv names no asset of the prices, which hold AAPL"):
        fit_model(states, bare, table, bars, of_file)
    with pytest.raises(DataError, match="the prices declare none. Declare them"):
        fit_model(states, bare, table, bars, quick)
    with pytest.raises(DataError, match="at least 3 assets, and the largest has 2"):
        fit_model(settings, panel, table, bars, quick)


def three_horizons(settings, tmp_path):
    """A model of three horizons, fitted and stored, and the law of each window before and after."""
    config = load_config(CONFIGS / "quickstart.yaml")
    short = replace(config.training, epochs=1, warm_up_steps=5)
    panel, bars = early_prices()
    table = feature_table(panel, config.features.groups)
    block = fit_model(settings, panel, table, bars, config.model_copy(update={"training": short}))
    save_checkpoint(tmp_path, block.fitted, block.architecture)
    again, _ = load_model(tmp_path)
    return [
        [forecast_sessions(fitted, block.histories, bars.test).law(panel.sessions[860], window) for window in WINDOWS]
        for fitted in (block.fitted, again)
    ]


WINDOWS = (ReturnWindow(0, 1), ReturnWindow(1, 5), ReturnWindow(1, 21))


@pytest.mark.parametrize(
    "settings",
    [
        TransformerSettings(5, width=8, heads=2, layers=1, also_horizons=(21,)),
        GjrSettings(5, also_horizons=(21,), refit="once"),
        HistoricalSettings(5, also_horizons=(21,)),
    ],
)
def test_one_model_answers_for_three_horizons_and_is_stored_with_them(settings, tmp_path):
    before, after = three_horizons(settings, tmp_path)
    assert all(torch.equal(first.icdf(0.01), second.icdf(0.01)) for first, second in zip(before, after, strict=True))
    day, week, month = (float(-law.icdf(0.01).mean()) for law in before)
    assert 1.5 * day < week < 4.0 * day and 1.4 * week < month < 3.5 * week


def test_a_config_that_trains_on_one_asset_a_row_gives_joint_laws_of_all_assets():
    config = load_config(CONFIGS / "quickstart_by_asset.yaml")
    assert config.training.rows_hold == "one_asset"
    short = replace(config.training, epochs=1, rows=20, warm_up_steps=5)
    panel, bars = early_prices()
    block = fit_model(
        TransformerSettings(5, width=8, heads=2, layers=1),
        panel,
        feature_table(panel, config.features.groups),
        bars,
        config.model_copy(update={"training": short}),
    )
    assert block.report is not None and np.isfinite(block.report.epochs[0].validation_loss)
    assert block.report.fitted_through == bars.fit.validation[-1]
    book = forecast_sessions(block.fitted, block.histories, bars.test)
    law = book.law(panel.sessions[bars.test[3]], block.histories.windows[0])
    assert law.event_shape == (6,)
    both = law.weighted_sum(torch.eye(6) + torch.eye(6).roll(1, 0)).variance[0]
    alone = law.weighted_sum(torch.eye(6)).variance[0]
    assert (both > alone + alone.roll(1)).all()  # the trailing factors join what was learned apart


TURN_OF_2001, TURN_OF_2002 = 499, 751  # last bars of those years of the exchange, counted from 2000-01-03


def reverting_closes(last: int, turn: int) -> np.ndarray:
    """Returns of which 0.7 goes on the next day up to the bar ``turn``, and 0.7 reverses from there on."""
    generator = np.random.default_rng(3)
    returns = 0.01 * generator.standard_normal((last, 4))
    for bar in range(1, last):
        returns[bar] += (0.7 if bar <= turn else -0.7) * returns[bar - 1]
    return 50.0 * np.exp(np.cumsum(returns, axis=0))


def fitted_on(closes: np.ndarray, settings, progress=None, **training):
    """Fit through 2001, validated on its last months, for forecasts of 2002 and after."""
    config = load_config(CONFIGS / "quickstart.yaml")
    panel = panel_of_closes(closes)
    short = replace(
        config.training, **{"epochs": 1, "warm_up_steps": 5, "final_fit": "train_and_validation", **training}
    )
    spans = FitSpans(range(0, TURN_OF_2001 - 60), range(TURN_OF_2001 - 61, TURN_OF_2001 + 1))
    bars = SplitBars(spans, range(TURN_OF_2001, len(closes)))
    table = feature_table(panel, ("own_history",))
    return fit_model(settings, panel, table, bars, config.model_copy(update={"training": short}), progress), bars


def same_weights(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


TINY = {"width": 8, "heads": 2, "layers": 1, "context": 8, "dropout": 0.0}


@pytest.mark.slow
def test_a_refitted_network_follows_a_market_that_has_turned_and_one_fitted_once_does_not():
    """From 2002 on returns reverse; the true law of the next return is normal with a deviation of 0.01."""
    closes = reverting_closes(TURN_OF_2002 + 130, TURN_OF_2001)
    settings = TransformerSettings(2, **TINY, refit="yearly")
    learning = {"epochs": 10, "patience": 10, "rows": 4, "learning_rate": 1e-2, "averaging": 0.9, "book_share": 0.0}
    learning |= {"half_life_years": 0.25}
    block, _ = fitted_on(closes, settings, **learning)
    refitted = block.fitted
    once = FittedModel(refitted.model.sets[0], refitted.windows, refitted.context, refitted.fitted_through[:1])
    later = range(TURN_OF_2002, len(closes) - 1)

    def mean_density(model) -> float:
        pieces = list(forecast_sessions(model, block.histories, later).of(NEXT_SESSION))
        return float(torch.cat([piece.law.marginal_log_prob(piece.target) for piece in pieces]).mean())

    true = -0.5 * np.log(2.0 * np.pi * 0.01**2) - 0.5
    lost = true - mean_density(once)
    assert lost > 0.3
    assert true - mean_density(refitted) < 0.6 * lost


@pytest.mark.parametrize("final_fit", ["train_and_validation", pytest.param("train", marks=pytest.mark.slow)])
def test_later_prices_change_no_fit_that_ended_before_them(final_fit):
    closes = reverting_closes(TURN_OF_2002 + 40, TURN_OF_2001)
    changed = closes.copy()
    changed[TURN_OF_2001 + 1 :] *= np.exp(0.2 * np.sin(np.arange(len(closes) - TURN_OF_2001 - 1)))[:, None]
    settings = GraphSettings(2, **TINY, neighbours=2, correlation_window=100, refit="yearly")
    (one, bars), (other, _) = (fitted_on(prices, settings, final_fit=final_fit) for prices in (closes, changed))
    assert one.fitted.fitted_through == tuple(one.histories.sessions[[TURN_OF_2001, TURN_OF_2002]])
    first, second = one.fitted.model.sets
    assert same_weights(first, other.fitted.model.sets[0])
    assert not same_weights(second, other.fitted.model.sets[1])
    at_the_turn = range(bars.test[0], bars.test[0] + 1)
    laws = [
        block.forecast(at_the_turn).law(one.histories.sessions[TURN_OF_2001], NEXT_SESSION) for block in (one, other)
    ]
    assert torch.equal(laws[0].icdf(0.01), laws[1].icdf(0.01))


def test_a_network_that_is_fitted_once_is_the_first_fit_of_one_that_is_refitted():
    closes = reverting_closes(TURN_OF_2002 + 40, TURN_OF_2001)
    once, yearly = (fitted_on(closes, TransformerSettings(2, **TINY, refit=refit))[0] for refit in ("once", "yearly"))
    assert same_weights(once.fitted.model, yearly.fitted.model.sets[0])
    assert once.fitted.fitted_through == yearly.fitted.fitted_through[:1]


def test_the_final_fit_has_seen_the_validation_span_and_a_plain_fit_has_not():
    closes = reverting_closes(TURN_OF_2001 + 40, TURN_OF_2001)
    changed = closes.copy()
    changed[TURN_OF_2001 - 20 :] *= 1.1
    for final_fit, is_same in (("train", True), ("train_and_validation", False)):
        one, other = (
            fitted_on(prices, TransformerSettings(2, **TINY), final_fit=final_fit)[0] for prices in (closes, changed)
        )
        assert same_weights(one.fitted.model, other.fitted.model) == is_same


@pytest.fixture(scope="module")
def ensemble():
    """A network with two seeds, another one of another context, and a model of volatility, all refitted in 2002."""
    members = (
        TransformerSettings(2, **TINY),
        GraphSettings(2, **{**TINY, "context": 12}, neighbours=2, correlation_window=100),
        GarchSettings(2),
    )
    settings = EnsembleSettings(2, members, seeds=2, refit="yearly")
    closes = reverting_closes(TURN_OF_2002 + 40, TURN_OF_2001)
    block, bars = fitted_on(closes, settings)
    return closes, settings, block, bars


def test_every_member_is_fitted_with_every_seed_and_the_first_is_the_runs_own(ensemble):
    closes, settings, block, _ = ensemble
    assert [member.architecture.settings["kind"] for member in block.members] == [
        "transformer",
        "transformer",
        "graph",
        "graph",
        "garch_t",
    ]
    alone, _ = fitted_on(closes, settings.members[0])
    assert same_weights(alone.fitted.model, block.members[0].fitted.model)
    assert not same_weights(alone.fitted.model, block.members[1].fitted.model)


def test_the_law_of_an_ensemble_is_the_weighted_mean_of_those_of_its_members(ensemble):
    _, _, block, _ = ensemble
    session = block.histories.sessions[TURN_OF_2002 + 5]
    around = range(TURN_OF_2002 - 3, TURN_OF_2002 + 8)
    law = block.forecast(around).law(session, NEXT_SESSION)
    apart = [member.forecast(around).law(session, NEXT_SESSION) for member in block.members]
    value = torch.full((1, 4), 0.005)
    expected = np.average([own.log_prob(value).double().exp().item() for own in apart], weights=[1, 1, 1, 1, 2])
    assert law.log_prob(value).item() == pytest.approx(np.log(expected), rel=1e-5)
    assert law.cdf(value)[0, 0].item() == pytest.approx(
        np.average([own.cdf(value)[0, 0].item() for own in apart], weights=[1, 1, 1, 1, 2]), rel=1e-6
    )


def test_a_stored_ensemble_comes_back_bit_for_bit(ensemble, tmp_path):
    _, _, block, _ = ensemble
    save_checkpoint(tmp_path, block.fitted, block.architecture)
    again, architecture = load_model(tmp_path)
    assert architecture == block.architecture
    assert same_weights(again.model, block.fitted.model)
    assert again.fitted_through == block.fitted.fitted_through
    assert [member.context for member in again.members] == [8, 8, 12, 12, None]
    own = [member.histories for member in block.members]
    around = range(TURN_OF_2002 - 3, TURN_OF_2002 + 4)
    stored, made = forecast_members(again, own, around), block.forecast(around)
    for one, other in zip(stored.pieces, made.pieces, strict=True):
        assert torch.equal(one.law.log_prob(one.target), other.law.log_prob(other.target))


def test_seeds_of_members_differ_and_depend_on_the_runs_seed_alone():
    assert member_seed(7, 0) == 7
    seeds = {member_seed(seed, number) for seed in (7, 8) for number in range(5)}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**63 for seed in seeds)
