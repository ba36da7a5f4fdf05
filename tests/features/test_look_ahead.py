"""No column of any group knows the future, and none looks back further than it says: both bit for bit."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from quantdl.features import FeatureGroup, FeatureTable, feature_table
from quantdl.market.actions import CorporateActions, Split
from quantdl.market.corporate.adjustment import adjusted
from quantdl.market.panel import Panel
from quantdl.market.series.declaration import ReleaseRule
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.status import CellStatus
from tests.panels import exogenous_series

GROUPS = get_args(FeatureGroup)
OF_THE_ASSET_ALONE = (
    "own_history",
    "days_closed",
    "returns",
    "volatility",
    "range_volatility",
    "downside",
    "drawdown",
    "volume",
    "illiquidity",
    "calendar",
)


@pytest.fixture(scope="module")
def index() -> ExogenousSeries:
    """A random walk from mid-2000 on, released on the evening of each weekday, so known at the next close only."""
    dated = pd.bdate_range("2000-06-01", "2003-12-31", unit="us")
    rule = ReleaseRule("day", 0, "20:00", "America/New_York", None)
    values = 20.0 + np.cumsum(np.random.default_rng(3).standard_normal(len(dated)))
    return exogenous_series("index", dated, values, rule)


@pytest.fixture(scope="module")
def whole(dirty, index) -> FeatureTable:
    return feature_table(dirty, GROUPS, (index,))


def assert_same_past(longer: FeatureTable, shorter: FeatureTable) -> None:
    bars = len(shorter.valid)
    assert longer.features == shorter.features
    for name in ("values", "scale", "valid", "known"):
        assert getattr(longer, name)[:bars].tobytes() == getattr(shorter, name).tobytes(), name


def rewritten(panel: Panel, cells: np.ndarray, seed: int, gaps: bool = True) -> Panel:
    """The panel with other prices, volumes, gaps and members in the given cells (T, A); each asset stays listed.

    Without ``gaps`` the cells that traded still do and no others.
    """
    generator = np.random.default_rng([seed, 9])
    shape = panel.status.shape
    status = np.where(generator.random(shape) < 0.9, CellStatus.TRADED, CellStatus.MISSING)
    status = np.where(cells & gaps, status, panel.status).astype(np.int8)
    members = np.where(cells, generator.random(shape) < 0.5, panel.members)
    fields = {}
    for name, values in panel.fields.items():
        other = 50.0 * np.exp(0.1 * generator.standard_normal(shape)) * generator.choice([1.0, 1e-3, 1e3, 1e200], shape)
        changed = cells & (gaps | (values != 0))
        fields[name] = np.where(status == CellStatus.TRADED, np.where(changed, other, values), np.nan)
    return replace(panel, fields=fields, status=status, members=members)


def own_bars_back(panel: Panel, bar: int) -> np.ndarray:
    """(T, A) how many of the asset's own bars lie after each row, up to the bar: 0 at its last one by then."""
    after = np.cumsum(panel.traded[bar::-1], axis=0)[::-1]
    back = np.full(panel.traded.shape, -1)
    back[: bar + 1] = after - panel.traded[: bar + 1]
    return back


def test_the_dirty_panel_has_every_column_somewhere(whole):
    assert whole.known.any(axis=(0, 1)).all()
    assert np.isfinite(whole.values).all() and not whole.values[~whole.known].any()


def test_every_column_of_fifty_prefixes_is_the_prefix_of_the_column(dirty, index, whole):
    cuts = np.unique(np.linspace(1, len(dirty.sessions) - 1, 50).astype(int))
    assert len(cuts) == 50
    for bars in cuts:
        seen = dirty.until(dirty.sessions[bars - 1])
        assert_same_past(whole, feature_table(seen, GROUPS, (index.until(seen.known_at[-1]),)))


FUTURES = {
    "rewritten": lambda values: values[::-1],
    "flat": lambda values: np.full_like(values, 100.0),
    "zero": lambda values: np.zeros_like(values),
    "absurd": lambda values: np.full_like(values, 1e300),
}


@pytest.mark.parametrize("future", FUTURES.values(), ids=FUTURES.keys())
@pytest.mark.parametrize("past", [40, 333, 600])
def test_what_follows_changes_no_bit_of_any_column(dirty, index, whole, future, past):
    fields = {}
    for name, values in dirty.fields.items():
        fields[name] = values.copy()
        fields[name][past:] = np.where(dirty.has_bar[past:], future(np.nan_to_num(values[past:], nan=50.0)), np.nan)
    changed = feature_table(replace(dirty, fields=fields), GROUPS, (index,))
    assert_same_past(changed, feature_table(dirty.until(dirty.sessions[past - 1]), GROUPS, (index,)))


def test_a_gap_or_a_delisting_to_come_changes_no_bit_of_any_column(dirty, index, whole):
    status = dirty.status.copy()
    status[400:] = CellStatus.DELISTED
    fields = {name: np.where(status == CellStatus.TRADED, values, np.nan) for name, values in dirty.fields.items()}
    ended = feature_table(replace(dirty, status=status, fields=fields), GROUPS, (index,))
    assert_same_past(ended, feature_table(dirty.until(dirty.sessions[399]), GROUPS, (index,)))
    assert not ended.valid[400:].any()


def test_nothing_before_an_assets_last_own_bars_that_its_columns_declare_changes_a_bit(dirty, index, whole):
    look_backs = np.array([-1 if item.look_back_bars is None else item.look_back_bars for item in whole.features])
    assert (look_backs >= 0).sum() > 40
    for look_back in sorted(set(look_backs) - {-1}):
        columns = np.flatnonzero((look_backs >= 0) & (look_backs <= look_back))
        for bar in (540, 699):
            before = own_bars_back(dirty, bar) > look_back
            other = feature_table(rewritten(dirty, before, seed=bar), GROUPS, (index,))
            both = whole.valid[bar] & other.valid[bar]
            assert both.any()
            for name in ("values", "known"):
                one, two = (getattr(table, name)[bar][both][:, columns] for table in (whole, other))
                assert one.tobytes() == two.tobytes(), (look_back, bar, name)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("returns", "return_252"),
        ("volume", "relative_volume_63"),
        ("drawdown", "bars_since_peak_252"),
        ("illiquidity", "amihud_illiquidity_21"),
        ("ranks", "rank_of_return_21"),
    ],
)
def test_the_first_bar_within_the_look_back_counts(dirty, group, name):
    """So look-backs are not declared too long."""
    table = feature_table(dirty, (group,))
    (number,) = [n for n, item in enumerate(table.features) if item.name == name]
    changed = 0
    for bar in range(500, 700, 20):
        first = dirty.traded & (own_bars_back(dirty, bar) == table.features[number].look_back_bars)
        other = feature_table(rewritten(dirty, first, seed=bar, gaps=False), (group,))
        changed += (other.values[bar, :, number] != table.values[bar, :, number])[other.valid[bar]].sum()
    assert changed


def test_columns_of_an_asset_alone_do_not_depend_on_who_else_is_in_the_panel(dirty):
    table = feature_table(dirty, OF_THE_ASSET_ALONE)
    for assets in (dirty.assets[:1], dirty.assets[2:5], dirty.assets[::-1]):
        columns = [dirty.assets.index(asset) for asset in assets]
        alone = feature_table(dirty.select(assets), OF_THE_ASSET_ALONE)
        for name in ("values", "valid", "known"):
            expected = np.ascontiguousarray(getattr(table, name)[:, columns])
            assert expected.tobytes() == getattr(alone, name).tobytes(), name


def test_an_asset_that_is_listed_later_changes_no_bit_of_the_others(dirty):
    status, fields = dirty.status.copy(), {name: values.copy() for name, values in dirty.fields.items()}
    status[:450, 5] = CellStatus.UNLISTED
    for values in fields.values():
        values[:450, 5] = np.nan
    later = feature_table(replace(dirty, status=status, fields=fields), GROUPS)
    status[:, 5] = CellStatus.UNLISTED
    for values in fields.values():
        values[:, 5] = np.nan
    never = feature_table(replace(dirty, status=status, fields=fields), GROUPS)
    assert later.values[:450].tobytes() == never.values[:450].tobytes()


def test_a_split_to_come_changes_no_feature_of_adjusted_prices(panel_of, fields_of):
    """Adjusting back rescales the past once the split is known; features do not see the scale."""
    fields = fields_of(400, 3, seed=6)
    for name, values in fields.items():
        values[350:, 1] *= 7.0 if name == "volume" else 1.0 / 7.0
    plain = panel_of(fields)
    split = CorporateActions(splits=(Split(plain.sessions[350].date(), plain.assets[1], 7.0),))
    raw = replace(plain, card=plain.card.restated(adjustment="raw"), actions=split)
    whole = feature_table(adjusted(raw, "split"), GROUPS)
    for bars in (340, 350, 351):
        seen = feature_table(adjusted(raw.until(raw.sessions[bars - 1]), "split"), GROUPS)
        np.testing.assert_allclose(whole.values[:bars], seen.values, atol=1e-4)
        np.testing.assert_array_equal(whole.known[:bars], seen.known)
    assert np.abs(whole.values[350, 1]).max() < 5.0


# The source itself: constructions that reach forward, whatever they are called on.

FORWARD = {"bfill", "backfill", "filtfilt", "interpolate"}


def reaches_forward(source: str) -> list[int]:
    """Lines that shift by a negative number, centre a window, fill backward or read the last row."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            numbers = [*node.args, *(word.value for word in node.keywords)]
            shifts = called in ("shift", "roll", "earlier", "diff", "pct_change", "tshift", "_moved")
            texts = {item.value for item in numbers if isinstance(item, ast.Constant)}
            centred = any(word.arg == "center" and not is_false(word.value) for word in node.keywords)
            if called in FORWARD or centred or texts & FORWARD or (shifts and any(map(is_negative, numbers))):
                lines.append(node.lineno)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            if node.value.attr in ("iloc", "iat") and is_negative(first):
                lines.append(node.lineno)
    return lines


def is_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize(
    "planted",
    [
        "y = x.shift(-1).pct_change()",
        "y = x.shift(periods=-1)",
        "y = np.roll(x, -1, axis=0)",
        "y = earlier(x, -1)",
        "y = x.pct_change(-5)",
        "y = x.rolling(5, center=True).mean()",
        "y = x.bfill()",
        "y = x.fillna(method='bfill')",
        "y = x.reindex(days, method='backfill')",
        "y = x / x.iloc[-1]",
        "y = x / x.iloc[-1, 0]",
        "y = signal.filtfilt(b, a, x)",
    ],
)
def test_a_planted_look_into_the_future_is_found(planted):
    assert reaches_forward(f"import numpy as np\n{planted}") == [2]


@pytest.mark.parametrize(
    "backward", ["y = x.shift(1)", "y = x.rolling(5).mean()", "y = x.iloc[0]", "y = np.roll(x, 1)"]
)
def test_what_looks_back_only_is_let_through(backward):
    assert not reaches_forward(backward)


def test_no_source_of_a_feature_reaches_forward():
    files = sorted((Path(__file__).parents[2] / "quantdl" / "features").glob("*.py"))
    assert len(files) > 10
    assert {file.name: reaches_forward(file.read_text()) for file in files} == {file.name: [] for file in files}
