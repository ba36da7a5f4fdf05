"""A config as a whole: what must load loads, and every fault is reported at its line, all at once."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from quantdl.backtest.plan.friction import CostWaiver, StatedVolume
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.backtest.plan.spreads import StatedSpreads
from quantdl.config import load_config, load_risk_config, plan_refusal, standalone_yaml, with_values
from quantdl.config.config_fault import Key, dotted
from quantdl.config.document import Entry, Mapping, Node, Sequence
from quantdl.config.yaml_reader import parse_document
from quantdl.errors import ConfigError, PlanError
from quantdl.market.sources.settings import CsvFolderPrices
from quantdl.models.settings import (
    EnsembleSettings,
    EwmaSettings,
    FlowSettings,
    GarchSettings,
    GraphSettings,
    ModelKind,
    TransformerSettings,
)

VALID = Path(__file__).parent / "valid.yaml"
WriteConfig = Callable[..., Path]
KINDS = ", ".join(get_args(ModelKind))

# What stands under these keys is named by the user, so no name there is misspelt.
FREE = {("plan", "related_positions", "groups", "members"), ("plan", "friction", "liquidity", "dollar_volume")}
FREE |= {("strategy", "parameters")}


def message_of(path: Path, kind: type[Exception] = ConfigError) -> str:
    with pytest.raises((ConfigError, PlanError)) as refused:
        load_config(path)
    assert type(refused.value) is kind, refused.value
    return str(refused.value)


def entries(node: Node, keys: tuple[Key, ...] = ()) -> Iterator[tuple[tuple[Key, ...], Entry]]:
    """Every key of a document that the schema knows, with the keys above it."""
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            if keys not in FREE:
                yield (*keys, key), entry
                yield from entries(entry.value, (*keys, key))
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from entries(item, (*keys, index))


KEYS = dict(entries(parse_document(VALID.read_text(), VALID).root))
SCALARS = [keys for keys, entry in KEYS.items() if not isinstance(entry.value, Mapping | Sequence)]


def test_a_whole_config_arrives_typed() -> None:
    config = load_config(VALID)
    assert isinstance(config.model, TransformerSettings)
    assert config.training.learning_rate == 0.001
    assert config.splits.test_end == date(2022, 12, 28)
    assert config.plan.sizing.max_net is None
    assert config.plan.horizon.timeframe == "1D"
    assert config.source.text == VALID.read_text()


def test_tickers_stay_as_written() -> None:
    plan = load_config(VALID).plan
    assert isinstance(plan.related_positions.groups, NamedGroups)
    assert plan.related_positions.groups.members == {
        "technology": ("AAPL", "MSFT", "ON", "007"),
        "tails": ("NA", "1E5", "NULL", "TRUE", "1_000"),
    }
    assert isinstance(plan.friction.liquidity, StatedVolume)
    assert plan.friction.liquidity.dollar_volume == {"AAPL": 1e10, "NA": 5e8, "007": 1e6}


@pytest.mark.parametrize("text", ["ON", "NO", "007", "1E5", "NA", "1_000", "2024-01-01", "TRUE", "NULL", "0x10", ".5"])
def test_text_fields_keep_their_raw_text(write_config: WriteConfig, text: str) -> None:
    listed, named = f"assets: [{text}]\n  start:", f"sectors: {{{text}: {text}}}"
    assert load_config(write_config(("start:", listed))).data.assets == (text,)
    data = load_config(write_config(("kind: sp500", DECLARED.replace("path: prices", "path: .") + f"\n  {named}"))).data
    assert isinstance(data, CsvFolderPrices)
    assert data.sectors == {text: text}


def test_terms_of_trading_beside_basis_points_are_read(write_config: WriteConfig) -> None:
    spreads = "{kind: stated, bps: {AAPL: 1.5, NA: 2, 007: 3}}"
    more = f"half_spread_bps: {spreads}\n    commission_minimum: 1\n    settlement_sessions: 2"
    friction = load_config(write_config(("half_spread_bps: 2.5", more))).plan.friction
    assert friction.half_spread_bps == StatedSpreads("stated", {"AAPL": 1.5, "NA": 2.0, "007": 3.0})
    assert (friction.commission_minimum, friction.settlement_sessions, friction.commission_per_share) == (1.0, 2, 0.0)


def test_a_cost_of_zero_is_refused_until_it_is_signed_for(write_config: WriteConfig) -> None:
    free = "commission_bps: 0"
    assert "plan.friction.cost_waiver: given null; expected a waiver, because commission is zero" in message_of(
        write_config(("commission_bps: 1", free)), PlanError
    )
    waiver = "cost_waiver: {signed_by: A. Risk, reason: The broker charges no commission.}"
    friction = load_config(write_config(("commission_bps: 1", f"{free}\n    {waiver}"))).plan.friction
    assert friction.cost_waiver == CostWaiver("A. Risk", "The broker charges no commission.")
    unsure = write_config(("commission_bps: 1", f"{free}\n    {waiver.replace('A. Risk', 'n/a')}"))
    assert "plan.friction.cost_waiver.signed_by: given 'n/a'" in message_of(unsure, PlanError)


def test_faults_of_terms_of_trading_stand_at_their_line(write_config: WriteConfig) -> None:
    estimated = "half_spread_bps: {kind: high_low, window_bars: 1, least_bps: 0}"
    path = write_config(("half_spread_bps: 2.5", f"{estimated}\n    settlement_sessions: 11"))
    message = message_of(path, PlanError)
    for fault in (
        ":81:52: plan.friction.half_spread_bps.window_bars: given 1",
        ":81:66: plan.friction.half_spread_bps.least_bps: given 0",
        ":81:29: plan.friction.half_spread_bps.kind: given 'high_low'; expected 'high' and 'low'",
        ":82:26: plan.friction.settlement_sessions: given 11",
    ):
        assert fault in message
    assert "half_spread_bps.kind: given 'low_high'" in message_of(
        write_config(("half_spread_bps: 2.5", estimated.replace("high_low", "low_high"))), PlanError
    )


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config(VALID).seed = 8  # type: ignore[misc]


def test_a_bare_kind_takes_the_horizon_of_the_model() -> None:
    assert load_config(VALID).compared_models() == (
        FlowSettings(horizon=23),
        GraphSettings(horizon=23),
        EwmaSettings(horizon=23, decay=0.97),
    )


def test_a_strategy_may_need_no_model(write_config: WriteConfig, valid_text: str) -> None:
    block = valid_text[valid_text.index("model:") : valid_text.index("training:")]
    nothing_trained = ("purge_bars: 24", "purge_bars: 0")
    assert load_config(write_config((block, "model: null\n\n"), nothing_trained)).model is None
    assert load_config(write_config((block, ""), nothing_trained)).model is None


def test_the_resolved_config_is_json_that_says_every_default() -> None:
    resolved = json.loads(json.dumps(load_config(VALID).model_dump(mode="json"), allow_nan=False))
    assert resolved["model"]["dropout"] == 0.1
    assert resolved["splits"]["test_end"] == "2022-12-28"
    assert resolved["plan"]["related_positions"]["groups"]["members"]["technology"][3] == "007"
    assert resolved["data"]["policies"]["stale_year"] == "mask"


def test_paths_are_relative_to_the_config(write_config: WriteConfig, tmp_path: Path) -> None:
    config = load_config(write_config(("compare:", "output: {root: results}\ncompare:")))
    assert config.locate(config.strategy.file) == tmp_path / "strategy.py"
    assert config.runs_root == tmp_path / "results"
    assert load_config(VALID).runs_root == Path("runs")


def test_a_value_can_be_found_again_in_its_file() -> None:
    line = VALID.read_text().splitlines().index("  test_end: 2022-12-28") + 1
    assert load_config(VALID).where("splits", "test_end") == f"{VALID}:{line}:13: splits.test_end"


def test_declared_data_arrive_as_a_declaration(write_config: WriteConfig, tmp_path: Path) -> None:
    (tmp_path / "prices").mkdir()
    data = load_config(write_config(("kind: sp500", DECLARED + "\n  sectors: {ON: 007, NA: Banks}"))).data
    assert isinstance(data, CsvFolderPrices)
    declaration = data.declaration("record")
    assert (declaration.source, declaration.as_of, declaration.on_fault) == ("1929", date(2024, 1, 2), "record")
    assert declaration.sectors == {"ON": "007", "NA": "Banks"}


DECLARED = """kind: csv_folder
  path: prices
  source: 1929
  timezone: America/New_York
  frequency: 1D
  adjustment: raw
  calendar: XNYS
  as_of: 2024-01-02
  licence: own"""

CONDITIONS = """    - {kind: drawdown, limit: 0.3}
    - {kind: volatility, annualised: 0.6, window_bars: 21}
"""
WRONG: dict[str, tuple[type[Exception], list[tuple[str, str]], list[str]]] = {
    "misspelt key": (
        ConfigError,
        [("width: 32", "widht: 32")],
        [":12:3: model.widht: unknown key; expected one of kind, horizon, width", "did you mean 'width'?"],
    ),
    "misspelt and therefore missing": (
        ConfigError,
        [("seed: 7", "sead: 7")],
        [":3:1: sead: unknown key; expected one of name, seed", "did you mean 'seed'?\n    3 | sead: 7\n      | ^"],
    ),
    "unknown kind": (
        ConfigError,
        [("kind: transformer", "kind: transfomer")],
        [f":10:9: model.kind: given 'transfomer'; expected one of {KINDS}", "mean 'transformer'?"],
    ),
    "an import path as kind": (
        ConfigError,
        [("kind: transformer", "kind: torch.nn.Transformer")],
        ["model.kind: given 'torch.nn.Transformer'; expected one of transformer"],
    ),
    "no kind": (
        ConfigError,
        [("  kind: transformer\n", "")],
        [f":9:1: model.kind: missing; expected one of {KINDS}"],
    ),
    "word for a number": (
        ConfigError,
        [("width: 32", "width: wide")],
        [":12:10: model.width: given 'wide'; expected a whole number, above 0"],
    ),
    "number with underscore": (ConfigError, [("epochs: 60", "epochs: 1_000")], ["given '1_000'", "did you mean 1000?"]),
    "number in quotes": (ConfigError, [("epochs: 60", "epochs: '60'")], ["training.epochs: given '60'"]),
    "fraction for a count": (ConfigError, [("epochs: 60", "epochs: 2.5")], ["training.epochs: given '2.5'"]),
    "per cent": (PlanError, [("max_weight: 0.2", "max_weight: 20%")], ["given '20%'", "did you mean 0.2?"]),
    "yes for true": (
        PlanError,
        [("long_only: true", "long_only: yes")],
        ["plan.sizing.long_only: given 'yes'; expected true or false; did you mean true?"],
    ),
    "infinite": (ConfigError, [("decay: 0.97", "decay: .inf")], ["compare[2].decay: given '.inf'; expected a finite"]),
    "not a number": (PlanError, [("stop_loss: 0.05", "stop_loss: .nan")], ["'.nan'; expected a finite number"]),
    "day that never was": (ConfigError, [("test_end: 2022-12-28", "test_end: 2022-02-30")], ["there is no such day"]),
    "date without hyphens": (ConfigError, [("2016-12-30", "20161230")], ["splits.train_end: given '20161230'"]),
    "nothing": (PlanError, [("refuted_by: A", "refuted_by: #")], ["refuted_by: given nothing; expected text"]),
    "heads that do not divide": (ConfigError, [("width: 32", "width: 33")], [":12:10: model.width: given 33"]),
    "bare kind": (ConfigError, [("- flow", "- flo")], ["compare[0]: given 'flo'", "did you mean 'flow'?"]),
    "block among bare kinds": (ConfigError, [("decay: 0.97", "dekay: 0.97")], ["compare[2].dekay: unknown key"]),
    "training into validation": (
        ConfigError,
        [("validation_end: 2018-12-31", "validation_end: 2015-12-31")],
        ["splits.validation_end: given 2015-12-31; expected a date after train_end, which is 2016-12-30"],
    ),
    "test span inside the training span": (
        ConfigError,
        [("test_start: 2019-01-02", "test_start: 2016-01-04")],
        [":22:15: splits.test_start: given 2016-01-04; expected a date after validation_end", "must not overlap"],
    ),
    "test span that ends first": (ConfigError, [("2022-12-28", "2019-01-02")], ["a date after test_start"]),
    "test span beyond the data": (
        ConfigError,
        [("start: 1990-01-02", "end: 2020-12-31")],
        ["splits.test_end: given 2022-12-28; expected a date up to data.end, which is 2020-12-31"],
    ),
    "plan without invalidation": (
        PlanError,
        [("  invalidation:\n" + CONDITIONS, "")],
        [
            ":37:1: plan.invalidation: missing; expected a list, each a mapping whose kind is one of drawdown, "
            "volatility, stale_data, calibration, risk_e_process, pit_drift, stressed_market, all, any;"
        ],
    ),
    "empty invalidation": (
        PlanError,
        [("  invalidation:\n" + CONDITIONS, "  invalidation: []\n")],
        [":92:3: plan.invalidation: given no condition; expected at least one testable condition"],
    ),
    "texts of a plan without content": (
        PlanError,
        [
            ("refuted_by: A deeper worst month than equal weight over the test span.", "refuted_by: -1"),
            ("text: At the last session of a month, move to the weights of least predicted shortfall.", "text: 0"),
            ("method: Least expected shortfall under the caps.", "method: -0.0"),
            ("author: Research desk", "author: 7"),
        ],
        [
            "plan.hypothesis.refuted_by: given '-1'; expected a sentence of at least 4 words",
            "plan.rules[0].text: given '0'; expected a sentence of at least 4 words",
            "plan.sizing.method: given '-0.0'; expected a sentence of at least 4 words",
            "plan.documentation.author: given '7'; expected the name of a person or a desk; fix: write who answers",
        ],
    ),
    "calendar that does not exist": (
        PlanError,
        [("calendar: XNYS", "calendar: .nan")],
        ["plan.trusted_data.calendar: given '.nan'; expected the name of a trading calendar; fix: write"],
    ),
    "limit that can never bind": (PlanError, [("limit: 0.3", "limit: 0.99")], [":93:31: plan.invalidation[0].limit"]),
    "unknown condition": (
        PlanError,
        [("kind: drawdown", "kind: drawdwn")],
        ["plan.invalidation[0].kind: given 'drawdwn'; expected one of drawdown, volatility, stale_data, calibration"],
    ),
    "key of another condition": (
        PlanError,
        [("limit: 0.3", "bars: 3")],
        ["[0].bars: unknown key; expected one of kind, limit", "[0].limit: missing; expected a number"],
    ),
    "plan for five bars, model for one": (
        PlanError,
        [("horizon: 23", "horizon: 1"), ("bars: 23", "bars: 5")],
        [":48:11: plan.horizon.bars: given 5; expected the model's horizon of 1 bars"],
    ),
    "sample that is not the test span": (
        PlanError,
        [("last: 2022-12-28", "last: 2022-12-27")],
        ["plan.sample.last: given 2022-12-27; expected 2022-12-28, which is splits.test_end"],
    ),
    "text for a block": (
        PlanError,
        [("rebalance: {kind: period_end, period: month}", "rebalance: monthly")],
        ["plan.horizon.rebalance: given 'monthly'; expected a mapping whose kind is one of every_bars, period_end"],
    ),
    "block for a text": (ConfigError, [("name: example", "name: {a: 1}")], ["name: given a mapping; expected letters"]),
    "list for a block": (
        ConfigError,
        [("  file: strategy.py\n", "  - strategy.py\n"), ("  parameters:\n    level: 0.975\n", "")],
        ["strategy: given a list; expected a mapping"],
    ),
    "name that leads elsewhere": (ConfigError, [("name: example", "name: ../example")], ["name: given '../example'"]),
    "policy that does not exist": (
        ConfigError,
        [("start: 1990-01-02", "policies: {stale_year: forget}")],
        ["data.policies.stale_year: given 'forget'; expected one of refuse, mask, drop_asset, keep"],
    ),
    "asset twice": (
        ConfigError,
        [("start: 1990-01-02", "assets: [AAPL, GE, AAPL]")],
        ["data.assets: given ['AAPL'] twice; expected each symbol once"],
    ),
    "silence of less than no session": (
        ConfigError,
        [("kind: sp500", DECLARED + "\n  silence: {delisted_after_sessions: -1}")],
        ["data.silence.delisted_after_sessions: given -1; expected a number of sessions, 0 or more"],
    ),
    "strategy that is not there": (
        ConfigError,
        [("file: strategy.py", "file: strateggy.py")],
        [":33:9: strategy.file: no such file", "did you mean 'strategy.py'?"],
    ),
    "data that are not there": (ConfigError, [("kind: sp500", DECLARED)], [":7:9: data.path: no such file"]),
    "unknown time zone": (
        ConfigError,
        [("kind: sp500", DECLARED.replace("America/New_York", "New York"))],
        ["data.timezone: given 'New York'; expected an IANA name such as 'America/New_York'"],
    ),
    "key twice": (ConfigError, [("seed: 7", "seed: 7\nseed: 8")], [":4:1: the key 'seed' is given twice"]),
    "python object": (ConfigError, [("seed: 7", "seed: !!python/name:os.system 7")], ["the tag !!python/name"]),
}


@pytest.mark.parametrize("kind, replacements, expected", WRONG.values(), ids=WRONG)
def test_a_fault_is_named_with_its_place(
    write_config: WriteConfig, kind: type[Exception], replacements: list[tuple[str, str]], expected: list[str]
) -> None:
    message = message_of(write_config(*replacements), kind)
    for fragment in expected:
        assert fragment in message


def test_all_faults_are_reported_at_once_in_the_order_of_the_file(write_config: WriteConfig) -> None:
    path = write_config(
        ("seed: 7", "seed: x"),
        ("kind: sp500", "kind: sp50"),
        ("width: 32", "widht: 32"),
        ("train_end: 2016-12-30", "train_end: 2019-06-03"),
        ("refuted_by", "refutedby"),
        ("max_weight: 0.2", "max_weight: heavy"),
    )
    message = message_of(path)
    assert message.startswith(f"{path}: 7 errors\n")
    lines = [int(line) for line in re.findall(rf"^{re.escape(str(path))}:(\d+):", message, re.MULTILINE)]
    assert lines == sorted(lines)
    for key in ("seed", "data.kind", "model.widht", "validation_end", "test_start", "refutedby", "sizing.max_weight"):
        assert key in message


def test_faults_of_a_plan_in_view_of_the_data_stand_at_their_line(write_config: WriteConfig) -> None:
    path = write_config(("NA: 5e8", "BRK.B: 5e8"))
    fault = PlanFault("friction.liquidity.dollar_volume.BRK.B", "'BRK.B'", "an asset of the data", "remove it")
    error = plan_refusal(load_config(path), [fault, PlanFault("rules.0.name", "'x'", "'y'", "rename it")])
    assert isinstance(error, PlanError)
    assert re.search(r"\.yaml:60:13: plan\.rules\[0\]\.name: given 'x'; expected 'y'; fix: rename it\n", str(error))
    assert re.search(r"\.yaml:85:42: plan\.friction\.liquidity\.dollar_volume\.BRK\.B: given 'BRK\.B'", str(error))


def test_a_plan_of_a_base_that_does_not_fit_own_data_names_both(tmp_path: Path, write_config: WriteConfig) -> None:
    base, own = write_config(), tmp_path / "own.yaml"
    own.write_text(f"extends: {base}\nname: own\n\ndata:\n  kind: sp500\n")
    fault = PlanFault("trusted_data.source", "'a'", "the data card's 'b'", "write 'b'")
    error = str(plan_refusal(load_config(own), [fault]))
    assert f"{base}:" in error.splitlines()[1]
    assert f"fix: write 'b'; the data stand at {own}:4:1: write plan.trusted_data.source for them beside them" in error


def test_a_value_of_the_own_file_is_mended_there_wherever_the_data_stand(tmp_path, write_config) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"extends: {write_config()}\nname: own\nplan:\n  sizing:\n    max_weight: 0.3\n")
    fault = PlanFault("sizing.max_weight", "0.3", "below 0.2", "lower it")
    first, *_ = str(plan_refusal(load_config(own), [fault])).splitlines()
    assert first == f"{own}:5:17: plan.sizing.max_weight: given 0.3; expected below 0.2; fix: lower it"


def test_a_fault_outside_the_plan_makes_it_a_config_error(write_config: WriteConfig) -> None:
    message_of(write_config(("limit: 0.3", "limit: 0.99")), PlanError)
    message_of(write_config(("limit: 0.3", "limit: 0.99"), ("seed: 7", "seed: x")), ConfigError)


def test_a_config_without_plan_is_refused_as_a_plan(write_config: WriteConfig, valid_text: str) -> None:
    without = valid_text[: valid_text.index("plan:")]
    path = write_config(text=without)
    assert f"{path}:1:1: plan: missing; expected a mapping with the keys hypothesis" in message_of(path, PlanError)
    assert "plan: given nothing" in message_of(write_config(text=without + "plan:\n"), PlanError)
    assert "plan.documentation: missing" in message_of(write_config(text=without + "plan: {}\n"), PlanError)


@pytest.mark.parametrize("text", ["- a\n- b", "just text", "42", "---", "null"])
def test_a_config_is_a_mapping(write_config: WriteConfig, text: str) -> None:
    assert "expected a mapping with the keys name, seed, data" in message_of(write_config(text=text))


@pytest.mark.parametrize("keys", KEYS, ids=[dotted(keys) for keys in KEYS])
def test_each_misspelt_key_is_refused_by_name(
    write_config: WriteConfig, valid_text: str, keys: tuple[Key, ...]
) -> None:
    mark = KEYS[keys].mark
    lines = valid_text.splitlines(keepends=True)
    line = lines[mark.line - 1]
    lines[mark.line - 1] = line[: mark.column - 1] + "zz" + line[mark.column - 1 :]
    misspelt = dotted((*keys[:-1], f"zz{keys[-1]}"))
    path = write_config(text="".join(lines))
    message = message_of(path, PlanError if keys[0] == "plan" and len(keys) > 1 else ConfigError)
    assert f"{path}:{mark.line}:{mark.column}: {misspelt}: unknown key" in message
    assert f"did you mean '{keys[-1]}'?" in message or len(str(keys[-1])) < 4


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sampled_from(SCALARS),
    value=st.sampled_from(
        ["", "null", "~", "true", "yes", "-1", "0", "1e400", ".nan", ".inf", "'x'", "[]", "{}", "[[1]]", "{a: {b: c}}"]
        + ["2019-01-02", "2019-13-45", "1e-4", "9" * 400, "0x7fffffffffffffffffff", "''", '"\\0"', "é", "*a", "!!str x"]
        + ["os.system", "{{7*7}}", "${env:HOME}", "../../etc/passwd", "-", "? x", "|\n     x\n", "'unfinished"]
    ),
)
@example(keys=("strategy", "file"), value='"a\\0b"')
@example(keys=("strategy", "file"), value=f"{'x' * 5000}")
def test_any_value_loads_or_is_refused_by_name(
    write_config: WriteConfig, valid_text: str, keys: tuple[Key, ...], value: str
) -> None:
    node = KEYS[keys].value
    lines = valid_text.splitlines(keepends=True)
    line, start = lines[node.mark.line - 1], node.mark.column - 1
    end = start + len(getattr(node, "text", ""))
    lines[node.mark.line - 1] = line[:start] + value + line[end:]
    path = write_config(text="".join(lines))
    try:
        load_config(path)
    except (ConfigError, PlanError) as refused:
        assert re.search(rf"^{re.escape(str(path))}:\d+:\d+: ", str(refused), re.MULTILINE)


def test_a_config_with_other_values_says_what_a_config_that_extends_it_would(write_config: WriteConfig) -> None:
    path = write_config()
    extending = path.with_name("extending.yaml")
    extending.write_text(f"extends: {path.name}\nseed: 8\nmodel: {{width: 64}}\n")
    changed, written = with_values(load_config(path), {"seed": 8, "model.width": 64}), load_config(extending)
    assert changed.model_dump() == written.model_dump()
    assert changed.identity() == written.identity()
    assert changed.locate(changed.strategy.file) == written.locate(written.strategy.file)


def test_a_value_that_does_not_fit_is_refused_with_what_was_changed(write_config: WriteConfig) -> None:
    with pytest.raises(ConfigError, match=r"model\.width: given '?33'?; expected a multiple of twice the heads"):
        with_values(load_config(write_config()), {"model.width": 33})


def test_what_a_search_may_try_makes_no_other_trial(write_config: WriteConfig) -> None:
    plain = load_config(write_config())
    searched = load_config(
        write_config(("splits:\n", "search: {settings: {training.epochs: {low: 1, high: 3}}}\nsplits:\n"))
    )
    assert searched.search is not None and plain.search is None
    assert searched.identity() == plain.identity()


BLOCK = "model:\n  kind: transformer\n  horizon: 23\n  width: 32\n  heads: 4\n"


def ensemble(members: str, rest: str = "") -> tuple[str, str]:
    return BLOCK, f"model:\n  kind: ensemble\n  horizon: 23\n{rest}  members:\n{members}\n"


def test_members_take_the_horizon_of_their_ensemble_and_a_bare_kind_is_a_block(write_config):
    members = "    - {kind: transformer, width: 16}\n    - graph\n    - {kind: garch_t, horizon: 23}"
    config = load_config(write_config(ensemble(members, "  seeds: 3\n  refit: yearly\n")))
    expected = (TransformerSettings(23, width=16), GraphSettings(23), GarchSettings(23))
    assert config.model == EnsembleSettings(23, expected, seeds=3, refit="yearly")
    assert config.model.members[0].refit == "yearly"


def test_an_ensemble_that_is_compared_is_read_alike(write_config):
    text = "compare:\n  - {kind: ensemble, horizon: 23, seeds: 2, members: [flow, {kind: graph, hops: 2}]}"
    config = load_config(write_config(("compare:", text)))
    assert config.compare[0] == EnsembleSettings(23, (FlowSettings(23), GraphSettings(23, hops=2)), seeds=2)


def test_a_setting_of_an_ensemble_can_be_overridden(write_config):
    config = load_config(write_config(ensemble("    - transformer\n    - graph")))
    changed = with_values(
        config, {"model.seeds": 2, "model.refit": "yearly", "training.final_fit": "train_and_validation"}
    )
    assert (changed.model.seeds, changed.model.refit) == (2, "yearly")
    assert changed.training.final_fit == "train_and_validation"
    assert changed.model.members == EnsembleSettings(23, config.model.members, refit="yearly").members


def test_an_ensemble_written_as_one_file_says_the_same(write_config, tmp_path):
    config = load_config(write_config(ensemble("    - {kind: transformer, width: 16}\n    - graph")))
    (tmp_path / "alone.yaml").write_text(standalone_yaml(config, tmp_path))
    assert load_config(tmp_path / "alone.yaml").model == config.model


def test_all_faults_of_members_are_named_at_once_each_at_its_place(write_config):
    members = [
        "    - {kind: transformer, widht: 8}",
        "    - grap",
        "    - {kind: ensemble, members: [graph]}",
        "    - {kind: garch_t, refit: once}",
        "    - {kind: historical, window: 5}",
    ]
    with pytest.raises(ConfigError) as refused:
        load_config(write_config(ensemble("\n".join(members), "  seeds: 0\n  refit: yearly\n")))
    message = str(refused.value)
    for expected in (
        ":12:10: model.seeds: given '0'; expected a whole number, at least 1",
        ":15:27: model.members[0].widht: unknown key;",
        "did you mean 'width'?",
        ":16:7: model.members[1].kind: given 'grap'; expected one of transformer,",
        ":17:14: model.members[2].kind: given 'ensemble'; expected one of transformer,",
        ":18:30: model.members[3].refit: given 'once'; expected 'yearly': refit of the ensemble counts for all members",
        ":19:34: model.members[4].window: given '5'; expected a whole number, at least 20",
    ):
        assert expected in message
    assert message.splitlines()[0].endswith(": 6 errors")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("    - {kind: flow, horizon: 4}\n    - graph", "member 1, flow, has the horizon 4; expected 23"),
        ("    - graph\n    - {kind: graph}", "member 2, graph, stands there twice"),
        ("    - graph", "given one member that is fitted once; expected several, or a network and seeds above 1"),
    ],
)
def test_members_that_do_not_go_together_are_refused_at_their_list(write_config, members, expected):
    with pytest.raises(ConfigError, match=f":12:3: model.members: {expected}"):
        load_config(write_config(ensemble(members)))


def test_other_horizons_of_a_member_are_refused_where_they_stand(write_config):
    members = "    - {kind: transformer, also_horizons: [10]}\n    - {kind: graph, also_horizons: [5]}\n    - flow"
    expected = (
        r":14:27: model\.members\[0\]\.also_horizons: given \[10\]; expected \[5\]: also_horizons of the ensemble"
    )
    with pytest.raises(ConfigError, match=expected) as refused:
        load_config(write_config(ensemble(members, "  also_horizons: [5]\n")))
    assert "members[1]" not in str(refused.value)


@pytest.mark.parametrize("given", [5, None, "a\0.yaml"])
@pytest.mark.parametrize("load", [load_config, load_risk_config])
def test_what_is_no_path_of_a_config_is_refused(load: Callable[[Any], object], given: object) -> None:
    with pytest.raises(ConfigError, match="^path: given .*; expected the path of a YAML file"):
        load(given)
