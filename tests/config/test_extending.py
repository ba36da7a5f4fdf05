"""Configs that extend others say what the same config says in one file, and a fault stands where it was written."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from quantdl.config import configured_strategy, load_config, standalone_yaml
from quantdl.config.config_fault import Mark
from quantdl.config.document import Document, Entry, Mapping, Node, Scalar, Sequence
from quantdl.config.extending import merged, overrides, read_layers
from quantdl.config.yaml_reader import parse_document
from quantdl.config.yaml_writer import yaml_text
from quantdl.errors import ConfigError, PlanError
from quantdl.experiment.trials import trial_of
from quantdl.risk.stress.settings import StressSettings
from tests.config.trees import bare

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, valid_text: str) -> Write:
    """Write ``own`` as configs/own.yaml, which extends valid.yaml, with replacements, as configs/base/base.yaml."""
    here = Path(__file__).parent

    def write(own: str, *replacements: tuple[str, str], base: str = valid_text) -> Path:
        for old, new in (("file: strategy.py", "file: ../../strategy.py"), *replacements):
            assert old in base, f"not in valid.yaml: {old}"
            base = base.replace(old, new, 1)
        (tmp_path / "configs" / "base").mkdir(parents=True, exist_ok=True)
        (tmp_path / "strategy.py").write_text((here / "strategy.py").read_text())
        (tmp_path / "configs" / "base" / "base.yaml").write_text(base)
        path = tmp_path / "configs" / "own.yaml"
        path.write_text(f"extends: base/base.yaml\n{own}")
        return path

    return write


def message_of(path: Path, kind: type[Exception] = ConfigError) -> str:
    with pytest.raises((ConfigError, PlanError)) as refused:
        load_config(path)
    assert type(refused.value) is kind, refused.value
    return str(refused.value)


# -------------------------------------------------------------------------------------------------------------- merging


def both(own: str, base: str) -> Node:
    return merged((parse_document(own, Path("own.yaml")), parse_document(base, Path("base.yaml")))).root


@pytest.mark.parametrize(
    ("own", "base", "expected"),
    [
        ("b: 3", "{a: 1, b: 2}", "{a: 1, b: 3}"),
        ("c: 3", "{a: 1, b: 2}", "{a: 1, b: 2, c: 3}"),
        ("a: {y: 3}", "a: {x: 1, y: 2}", "a: {x: 1, y: 3}"),
        ("a: [3]", "a: [1, 2]", "a: [3]"),
        ("a: null", "a: {x: 1}", "a: null"),
        ("a:", "a: {x: 1}", "a:"),
        ("a: {x: 1}", "a: null", "a: {x: 1}"),
        ("a: 1", "a: {x: 1}", "a: 1"),
        ("a: {}", "a: {x: 1}", "a: {x: 1}"),
        ("a: {kind: q, y: 2}", "a: {kind: p, x: 1}", "a: {kind: q, y: 2}"),
        ("a: {kind: p, y: 2}", "a: {kind: p, x: 1}", "a: {kind: p, x: 1, y: 2}"),
        ("a: {y: 2}", "a: {kind: p, x: 1}", "a: {kind: p, x: 1, y: 2}"),
        ("a: {kind: {b: 1}}", "a: {kind: p, x: 1}", "a: {kind: {b: 1}, x: 1}"),
    ],
)
def test_mappings_are_merged_and_all_else_is_replaced(own: str, base: str, expected: str) -> None:
    assert bare(both(own, base)) == bare(parse_document(expected, Path("expected.yaml")).root)


VALUES = st.recursive(
    st.sampled_from(["1", "x", "null"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def node(value: object, path: str) -> Node:
    mark = Mark(Path(path), 1, 1)
    if isinstance(value, dict):
        return Mapping(mark, {key: Entry(mark, node(item, path)) for key, item in value.items()})
    if isinstance(value, list):
        return Sequence(mark, tuple(node(item, path) for item in value))
    return Scalar(mark, str(value), plain=True)


def layer(value: object, path: str) -> Document:
    return Document(Path(path), node(value, path), {Path(path): ""}, ())


def over(own: object, base: object) -> object:
    """The rule again, on plain values."""
    if not isinstance(own, dict) or not isinstance(base, dict):
        return own
    return {key: over(own.get(key, base.get(key)), base.get(key)) for key in {**base, **own}}


MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_a_chain_is_merged_from_its_end_and_every_value_keeps_its_file(own: dict, middle: dict, base: dict) -> None:
    document = merged((layer(own, "own"), layer(middle, "middle"), layer(base, "base")))
    assert bare(document.root) == bare(node(over(own, over(middle, base)), ""))
    for key, value in own.items():
        assert document.key_mark((key,)).path == Path("own")
        if not isinstance(value, dict):
            assert document.root.entries[key].value.mark.path == Path("own")
    for key in set(base) - set(middle) - set(own):
        assert document.key_mark((key,)).path == Path("base")


# -------------------------------------------------------------------------------------------------------------- loading


def test_what_is_written_anew_counts_and_the_rest_is_taken_over(write: Write) -> None:
    config = load_config(write("name: other\nmodel: {width: 64}\ncompare: [flow]\n"))
    assert (config.name, config.seed) == ("other", 7)
    assert (config.model.width, config.model.heads, config.model.horizon) == (64, 4, 23)
    assert config.compare == ("flow",)


def test_a_mapping_of_another_kind_replaces_the_whole_mapping(write: Write) -> None:
    own = "plan: {related_positions: {groups: {kind: correlation, window_bars: 60, threshold: 0.5}}}\n"
    groups = load_config(write(own)).plan.related_positions.groups
    assert (groups.kind, groups.window_bars, groups.threshold) == ("correlation", 60, 0.5)


def test_stress_that_is_written_out_and_a_file_of_scenarios_replace_each_other(
    write: Write, valid_text: str, tmp_path: Path
) -> None:
    (tmp_path / "configs" / "base").mkdir(parents=True)
    for folder in ("configs", "configs/base"):
        (tmp_path / folder / "crises.yaml").write_text("draws: 7000\n")
    written_out = load_config(write("stress: {draws: 5000}\n", base=f"{valid_text}\nstress: {{file: crises.yaml}}\n"))
    assert written_out.stress == StressSettings(draws=5000)
    from_file = load_config(write("stress: {file: crises.yaml}\n", base=f"{valid_text}\nstress: {{draws: 5000}}\n"))
    assert from_file.locate(from_file.stress.file) == from_file.source.path.parent / "crises.yaml"


def test_stress_of_the_same_form_is_merged_key_by_key(write: Write, valid_text: str) -> None:
    config = load_config(write("stress: {draws: 5000}\n", base=f"{valid_text}\nstress: {{bars: 5}}\n"))
    assert config.stress == StressSettings(draws=5000, bars=5)


def test_null_takes_a_value_away(write: Write) -> None:
    assert load_config(write("model: null\nplan: {sample: {purge_bars: 0}}\n")).model is None


def test_paths_lead_where_they_led_in_the_file_that_wrote_them(write: Write, tmp_path: Path) -> None:
    (tmp_path / "configs" / "base" / "prices").mkdir(parents=True)
    declared = (
        "{kind: csv_folder, path: prices, source: x, timezone: America/New_York, frequency: 1D, adjustment: raw, "
        "calendar: XNYS, as_of: 2024-01-02, licence: own, actions: actions.csv, eligibility: {membership: m.csv}}"
    )
    config = load_config(
        write(
            "name: other\n",
            ("data:\n  kind: sp500\n  start: 1990-01-02", f"output: {{root: ../runs}}\ndata: {declared}"),
        )
    )
    base = tmp_path / "configs" / "base"
    assert config.locate(config.strategy.file).samefile(tmp_path / "strategy.py")
    assert config.locate_data(config.data.path, "data", "path") == base / "prices"
    assert config.locate_data(config.data.actions, "data", "actions") == base / "actions.csv"
    assert config.locate_data(config.data.eligibility.membership, "data") == base / "m.csv"
    assert config.runs_root == tmp_path / "configs" / "runs"


def test_a_folder_that_stands_in_for_a_variable_is_relative_to_its_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = (
        "{kind: parquet, path: '${env:QUANTDL_BANK:-../bank}/a.parquet', source: x, timezone: America/New_York, "
        "frequency: 1D, adjustment: raw, calendar: XNYS, as_of: 2024-01-02, licence: own}"
    )
    config = load_config(write("", ("data:\n  kind: sp500\n  start: 1990-01-02", f"data: {declared}")))
    assert config.locate_data(config.data.path, "data", "path") == tmp_path / "configs" / "bank" / "a.parquet"
    monkeypatch.setenv("QUANTDL_BANK", "/elsewhere")
    assert config.locate_data(config.data.path, "data", "path") == Path("/elsewhere/a.parquet")


def test_several_files_may_extend_one_another(write: Write, tmp_path: Path) -> None:
    write("model: {width: 64}\nseed: 8\n")
    last = tmp_path / "last.yaml"
    last.write_text("extends: configs/own.yaml\nseed: 9\n")
    config = load_config(last)
    assert (config.seed, config.model.width, config.model.heads) == (9, 64, 4)
    assert [path.name for path in config.source.texts] == ["last.yaml", "own.yaml", "base.yaml"]
    assert config.locate(config.strategy.file).samefile(tmp_path / "strategy.py")


def test_one_file_or_several_is_the_same_trial(write: Write, tmp_path: Path, valid_text: str) -> None:
    extending = load_config(write("seed: 9\nmodel: {width: 64}\n"))
    single = tmp_path / "single.yaml"
    single.write_text(valid_text.replace("seed: 7", "seed: 9").replace("width: 32", "width: 64"))
    alone = load_config(single)
    again = tmp_path / "runs" / "one"
    again.mkdir(parents=True)
    (again / "strategy.py").write_text((tmp_path / "strategy.py").read_text())
    (again / "config.yaml").write_text(standalone_yaml(extending, again))
    rerun = load_config(again / "config.yaml")
    assert {trial_of(config, "sha256:0") for config in (extending, alone, rerun)} == {trial_of(alone, "sha256:0")}
    assert trial_of(load_config(write("seed: 9\n")), "sha256:0") != trial_of(alone, "sha256:0")


def test_the_resolved_config_of_one_folder_is_the_same_in_one_file_or_several(write: Write, tmp_path: Path) -> None:
    extending = load_config(write("seed: 9\nmodel: {width: 64}\n"))
    whole = tmp_path / "configs" / "whole.yaml"
    whole.write_text(yaml_text(extending.source.root))
    dumps = [json.dumps(config.model_dump(mode="json"), sort_keys=True) for config in (extending, load_config(whole))]
    assert dumps[0] == dumps[1]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(["seed", "model", "training", "splits", "compare", "plan", "strategy", "data", "name"])))
def test_blocks_may_stand_in_either_file(write: Write, valid_text: str, tmp_path: Path, moved: set[str]) -> None:
    base = parse_document(valid_text, Path("valid.yaml")).root
    assert isinstance(base, Mapping)
    own = Mapping(base.mark, {key: entry for key, entry in base.entries.items() if key in moved})
    rest = Mapping(base.mark, {key: entry for key, entry in base.entries.items() if key not in moved})
    own_text = yaml_text(own).replace("strategy.py", "../strategy.py") if moved else ""
    base_text = yaml_text(rest) + ("" if "strategy" not in moved else "# file: strategy.py\n")
    config = load_config(write(own_text, base=base_text))
    single = tmp_path / "configs" / "single.yaml"
    single.write_text(valid_text.replace("strategy.py", "../strategy.py"))
    assert config.model_dump(mode="json") == load_config(single).model_dump(mode="json")


# --------------------------------------------------------------------------------------------------------------- faults


def test_a_fault_of_the_base_stands_at_its_line(write: Write, tmp_path: Path) -> None:
    path = write("name: other\n", ("width: 32", "width: wide"))
    message = message_of(path)
    assert message.startswith(f"{path}: 1 error\n")
    assert f"{tmp_path}/configs/base/base.yaml:12:10: model.width: given 'wide'; expected a whole number" in message
    assert "   12 |   width: wide\n" in message


def test_a_fault_of_the_extending_file_stands_at_its_line(write: Write) -> None:
    path = write("model:\n  widht: 64\n")
    assert f"{path}:3:3: model.widht: unknown key; expected one of kind, horizon, width" in message_of(path)


def test_what_both_lack_is_missing_in_the_extending_file(write: Write) -> None:
    path = write("plan: {friction: {borrow: null}}\n", ("    commission_bps: 1\n", ""))
    assert f"{path}:2:8: plan.friction.commission_bps: missing" in message_of(path, PlanError)


@pytest.mark.parametrize(
    ("own", "kind", "place", "fault", "stands"),
    [
        ("model: {heads: 3}\n", ConfigError, "2:16", "model.width: given 32; expected a multiple of twice", "12:10"),
        ("model: {horizon: 5}\n", PlanError, "2:18", "plan.horizon.bars: given 23; expected the model's", "48:11"),
        ("splits:\n  test_end: 2022-12-27\n", PlanError, "3:13", "plan.sample.last: given 2022-12-28", "99:11"),
        ("splits: {train_end: 2019-03-01}\n", ConfigError, "2:21", "splits.validation_end: given 2018-12-31", "21:19"),
        ("data: {end: 2020-12-31}\n", ConfigError, "2:13", "splits.test_end: given 2022-12-28", "23:13"),
        ("risk_free: vix\n", ConfigError, "2:12", "risk_free: given 'vix'", None),
    ],
)
def test_a_fault_of_the_combination_stands_at_the_value_that_makes_it(
    write: Write, tmp_path: Path, own: str, kind: type[Exception], place: str, fault: str, stands: str | None
) -> None:
    path = write(own)
    message = message_of(path, kind)
    (line,) = [line for line in message.splitlines() if fault in line]
    assert line.startswith(f"{path}:{place}: {fault}")
    if stands is not None:
        assert line.endswith(f"stands in {tmp_path}/configs/base/base.yaml:{stands}")


def test_faults_of_several_files_come_in_the_order_of_the_files(write: Write) -> None:
    path = write(
        "seed: x\nmodel: {widht: 3}\n", ("epochs: 60", "epochs: none"), ("calm_below: 0.12", "calm_below: low")
    )
    message = message_of(path)
    assert message.startswith(f"{path}: 4 errors\n")
    places = re.findall(r"^\S*/(own|base)\.yaml:(\d+):", message, re.MULTILINE)
    assert [name for name, _ in places] == ["own", "own", "base", "base"]


def test_a_faulty_parameter_of_the_strategy_stands_in_the_file_that_wrote_it(write: Write, tmp_path: Path) -> None:
    path = write("strategy: {parameters: {turnover_penalty: x}}\n", ("level: 0.975", "level: high"))
    with pytest.raises(ConfigError) as refused:
        configured_strategy(load_config(path))
    message = str(refused.value)
    assert f"{path}:2:43: strategy.parameters.turnover_penalty: given 'x'; expected a number" in message
    assert f"{tmp_path}/configs/base/base.yaml:35:12: strategy.parameters.level: given 'high'" in message


def test_extends_misspelt_is_recognised(write_config: Write) -> None:
    message = message_of(write_config(("seed: 7", "seed: 7\nextend: base.yaml")))
    assert "extend: unknown key" in message and "did you mean 'extends'?" in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "extends: base.yml",
            "extends: no such file: 'base.yml', which is {folder}/base.yml; paths are relative to this config; did you",
        ),
        ("extends: [a.yaml]", "extends: given a list; expected the path of one config"),
        ("extends: {a: b}", "extends: given a mapping; expected the path of one config"),
        ("extends:", "extends: given nothing; expected the path of one config"),
        ("extends: own.yaml", "extends: a config cannot extend itself: {folder}/own.yaml -> {folder}/own.yaml"),
        ("extends: .", "extends: {folder} is a folder; expected the file of a config"),
        ("extends: list.yaml", "extends: {folder}/list.yaml is no mapping of keys"),
    ],
)
def test_a_config_that_cannot_be_extended_is_refused_at_its_line(tmp_path: Path, line: str, expected: str) -> None:
    (tmp_path / "base.yaml").write_text("seed: 1\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    path = tmp_path / "own.yaml"
    path.write_text(f"# own\n{line}\nseed: 2\n")
    with pytest.raises(ConfigError) as refused:
        read_layers(path)
    assert re.match(rf"{re.escape(str(path))}:2:\d+: ", str(refused.value))
    assert expected.format(folder=tmp_path) in str(refused.value)


def test_a_circle_is_named_with_its_whole_chain(tmp_path: Path) -> None:
    for name, extended in (("a", "b"), ("b", "sub/../c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {extended}.yaml\n")
    (tmp_path / "sub").mkdir()
    with pytest.raises(ConfigError) as refused:
        read_layers(tmp_path / "a.yaml")
    chain = " -> ".join(str(tmp_path / f"{name}.yaml") for name in "abca")
    assert f"{tmp_path}/c.yaml:1:10: extends: a config cannot extend itself: {chain}" in str(refused.value)


def test_what_is_not_yaml_in_the_base_stands_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("seed: 1\n\tname: x\n")
    path = tmp_path / "own.yaml"
    path.write_text("extends: base.yaml\n")
    with pytest.raises(ConfigError, match=r"base\.yaml:2:1: a tab where YAML wants spaces"):
        read_layers(path)


def test_a_circle_through_a_link_is_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(".")
    (tmp_path / "own.yaml").write_text("extends: link/own.yaml\n")
    chain = f"{tmp_path}/own.yaml -> {tmp_path}/link/own.yaml"
    with pytest.raises(ConfigError, match=re.escape(f"a config cannot extend itself: {chain}")):
        read_layers(tmp_path / "own.yaml")


def test_what_is_written_over_the_base_stands_before_what_is_added(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("seed: 1\nmodel: {width: 3}\n")
    (tmp_path / "own.yaml").write_text("extends: base.yaml\nnew: 1\nmodel: {depth: 2, width: 4}\nseed: 2\n")
    found = list(overrides(read_layers(tmp_path / "own.yaml")))
    assert found == [("model", "width"), ("seed",), ("new",), ("model", "depth")]
