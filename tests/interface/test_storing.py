"""A fitted model on disk."""

import pandas as pd
import pytest

import quantdl as qd
from quantdl.errors import ConfigError, IntegrityError


@pytest.fixture
def folder(ewma, tmp_path):
    return qd.save_model(ewma, tmp_path / "model")


def test_a_model_that_was_stored_forecasts_as_before(folder, ewma_laws, simulated):
    again = qd.load_model(folder)
    assert repr(again) == "EwmaT(horizon=5, refit='once'): fitted through 2001-03-13"
    laws = again.forecast(simulated, simulated.sessions[301], simulated.sessions[-1])
    pd.testing.assert_frame_equal(laws.table, ewma_laws.table, check_exact=True)


def test_a_network_that_was_stored_forecasts_as_before(model, prices, laws, tmp_path):
    again = qd.load_model(qd.save_model(model, tmp_path / "model"))
    assert again.get_params() == model.get_params()
    found = again.forecast(prices, "2016-12-29", "2016-12-30").quantiles(0.01)
    pd.testing.assert_frame_equal(found, laws.quantiles(0.01).iloc[-3:], rtol=1e-5)  # another batch of sessions


def test_an_ensemble_that_was_stored_has_its_members(simulated, tmp_path):
    ends = {"train_end": simulated.sessions[250], "validation_end": simulated.sessions[300]}
    mixed = qd.Ensemble(horizon=1, members=[qd.EwmaT(horizon=1), qd.EwmaT(horizon=1, decay=0.8)]).fit(simulated, **ends)
    again = qd.load_model(qd.save_model(mixed, tmp_path / "model"))
    span = simulated, simulated.sessions[310], simulated.sessions[312]
    one, other = (each.forecast(*span).quantiles(0.01) for each in (mixed, again))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("name", ["estimator.json", "model.json", "weights.safetensors"])
def test_a_file_that_was_altered_or_is_gone_is_refused(folder, name):
    file = folder / name
    content = file.read_bytes()
    file.write_bytes(content.replace(b"1", b"2", 1))
    with pytest.raises(IntegrityError):
        qd.load_model(folder)
    file.unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        qd.load_model(folder)


def test_the_description_of_another_model_is_refused(folder, simulated, tmp_path):
    ends = {"train_end": simulated.sessions[255], "validation_end": simulated.sessions[290]}
    other = qd.save_model(qd.EwmaT(horizon=5, refit="once").fit(simulated, **ends), tmp_path / "other")
    (folder / "estimator.json").write_bytes((other / "estimator.json").read_bytes())
    with pytest.raises(IntegrityError, match="belongs to another model"):
        qd.load_model(folder)


def test_nothing_is_overwritten(folder, ewma):
    with pytest.raises(ConfigError, match="exists already, and no model is overwritten"):
        qd.save_model(ewma, folder)


def test_a_model_that_is_not_fitted_is_not_stored(tmp_path):
    with pytest.raises(ConfigError, match="save_model asks for a fitted model"):
        qd.save_model(qd.EwmaT(horizon=5), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_no_model_is_not_stored(tmp_path):
    with pytest.raises(ConfigError, match="^model: given str; expected a fitted model"):
        qd.save_model("ewma", tmp_path / "model")


@pytest.mark.parametrize("given", [5, None])
def test_a_folder_that_is_no_path_is_refused(ewma, given):
    with pytest.raises(ConfigError, match="^folder: given .*; expected the path of a new folder"):
        qd.save_model(ewma, given)
    with pytest.raises(ConfigError, match="^folder: given .*; expected the folder of a model, of save_model"):
        qd.load_model(given)
