"""A grid holds every combination of listed values and of ranges, or says at its line what is wrong with it."""

from pathlib import Path

import pytest

from quantdl.config import load_config
from quantdl.config.grid import Steps, SweepSettings
from quantdl.errors import ConfigError, FieldFaults

VALID = (Path(__file__).parent / "valid.yaml").read_text()


def read(tmp_path: Path, block: str) -> SweepSettings | None:
    path = tmp_path / "swept.yaml"
    path.write_text(f"{VALID}\nsweep: {block}\n")
    (tmp_path / "strategy.py").write_text("")
    return load_config(path).sweep


def test_sets_are_all_combinations_and_the_last_parameter_changes_fastest() -> None:
    grid = SweepSettings({"a": (1, 2), "b": Steps(0.1, 0.3, 0.1), "c": ("x",)})
    assert grid.n_sets == 6
    assert [tuple(one.values()) for one in grid.sets()][:4] == [
        (1, 0.1, "x"),
        (1, 0.2, "x"),
        (1, 0.3, "x"),
        (2, 0.1, "x"),
    ]


def test_a_range_of_whole_numbers_holds_whole_numbers_and_both_ends() -> None:
    assert Steps(50, 200, 50).values == (50, 100, 150, 200)
    assert all(isinstance(value, int) for value in Steps(-2, 2, 1).values)
    assert Steps(0, 1, 0.1).values[-1] == 1.0 and len(Steps(0, 1, 0.1).values) == 11


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((5, 3, 1), "high: given 3; expected a number above low, which is 5"),
        ((1, 3, 0), "step: given 0; expected a number above 0"),
        ((50, 200, 40), "high: given 200; steps of 40 reach 170; write high: 170"),
        ((0, 1, 1e-9), "step: given 1e-09; expected at most 100,000 steps"),
    ],
)
def test_a_range_that_holds_nothing_or_misses_its_end_is_refused(given: tuple[float, ...], message: str) -> None:
    with pytest.raises(FieldFaults, match=message):
        Steps(*given)


def test_a_config_reads_lists_ranges_and_the_span(tmp_path: Path) -> None:
    block = "{parameters: {fast: [5, 10], slow: {low: 50, high: 60, step: 5}}, span: test, max_sets: 6}"
    assert read(tmp_path, block) == SweepSettings({"fast": (5, 10), "slow": Steps(50, 60, 5)}, "test", 6)


def test_all_faults_of_a_grid_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    block = (
        "\n  parameters:\n    fast: []\n    slow: {low: 50, high: 200, step: 40}\n    trail: [0.1, 0.1]\n    part: 3\n"
        "  spann: test"
    )
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, block)
    told, first = str(caught.value), VALID.count("\n") + 2
    assert "5 errors" in told
    for line, key in enumerate(("fast", "slow.high", "trail", "part"), start=first + 2):
        assert f"swept.yaml:{line}:" in told and f"sweep.parameters.{key}: given" in told, key
    assert f"swept.yaml:{first + 6}:3: sweep.spann: unknown key" in told and "did you mean 'span'?" in told
    assert "given 0.1 more than once" in told


def test_more_sets_than_the_stated_most_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"given 4 x 3 = 12 sets; expected at most 10; .* raise sweep\.max_sets"):
        read(tmp_path, "{parameters: {a: [1, 2, 3, 4], b: {low: 1, high: 3, step: 1}}, max_sets: 10}")
    with pytest.raises(ConfigError, match="1,600,000 sets; expected at most 10,000"):
        read(tmp_path, "{parameters: {a: {low: 1, high: 4000, step: 1}, b: {low: 1, high: 400, step: 1}}}")
