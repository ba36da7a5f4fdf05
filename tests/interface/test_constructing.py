"""A model's constructor says of a name that it does not know, or lacks, what a config says of a key."""

import inspect

import pytest

import quantdl as qd
from quantdl.errors import ConfigError


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: qd.Transformer(horizn=5), "Transformer: horizn: unknown argument; did you mean 'horizon'?"),
        (lambda: qd.EwmaT(), "EwmaT: horizon: missing; expected a whole number, above 0; fix: give horizon=..."),
        (
            lambda: qd.EwmaT(5, learning=1),
            "EwmaT: learning: unknown argument; expected one of horizon, factors, also_horizons, refit, decay, seed, "
            "fill_at, features",
        ),
        (lambda: qd.EwmaT(5, horizon=3), "EwmaT: horizon: given twice, by its place and by its name; expected once"),
        (
            lambda: qd.EwmaT(5, 3, (), "yearly", 0.94, 7),
            "EwmaT: 6 values without a name: expected at most 5: horizon, factors, also_horizons, refit, decay",
        ),
    ],
)
def test_a_name_that_is_wrong_or_missing_is_said(made, said):
    with pytest.raises(ConfigError) as refused:
        made()
    assert str(refused.value) == said


def test_names_and_values_that_are_wrong_are_said_together():
    with pytest.raises(ConfigError) as refused:
        qd.Transformer(horizn=5, epochs=0, sed=-1)
    lines = str(refused.value).splitlines()
    assert lines[0] == "Transformer: 4 errors"
    assert lines[1:3] == [
        "  horizn: unknown argument; did you mean 'horizon'?",
        "  sed: unknown argument; did you mean 'seed'?",
    ]
    assert [line.split(":")[0].strip() for line in lines[3:]] == ["epochs", "seed"]


def test_members_of_an_ensemble_are_not_called_wrong_beside_a_name_that_is():
    with pytest.raises(ConfigError) as refused:
        qd.Ensemble(horizon=1, members=[qd.EwmaT(horizon=1), qd.GarchT(horizon=1)], sedes=2)
    assert str(refused.value) == "Ensemble: sedes: unknown argument; did you mean 'seeds'?"


def test_the_signature_that_editors_show_is_the_constructor_s():
    assert [*inspect.signature(qd.EwmaT).parameters][:2] == ["horizon", "factors"]
    assert inspect.signature(qd.Transformer).parameters["horizon"].default is inspect.Parameter.empty
