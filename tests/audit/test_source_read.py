"""Source that often looks ahead is named with line and reason; source that does not is left alone."""

from pathlib import Path

import pytest

from quantdl.audit.source_read import read_source

SUSPECT = {
    "closes.shift(-1)": "later rows back",
    "closes.shift(periods=-2)": "later rows back",
    "closes.shift(-horizon)": "later rows back",
    "closes.pct_change(-1)": "later rows back",
    "closes.diff(-5)": "later rows back",
    "np.roll(x, -1)": "later rows back",
    "np.roll(x, shift=-k, axis=0)": "later rows back",
    "closes.rolling(5, center=True).mean()": "centred",
    "np.convolve(x, kernel, 'same')": "centred",
    "closes.bfill()": "what came after",
    "closes.backfill()": "what came after",
    "closes.fillna(method='bfill')": "what came after",
    "closes.interpolate()": "value after it",
    "scaler.fit_transform(features)": "fits on all rows",
    "scaler.fit(features)": "fits on all rows",
    "closes.resample('W', label='left').last()": "dated by its start",
    "closes.resample('W').last()": "dated by its start",
    "pd.merge_asof(a, b, on='t', direction='forward')": "next value",
    "pd.merge_asof(a, b, on='t', direction='nearest')": "next value",
    "closes.rank(pct=True)": "ranks each row",
    "closes.quantile(0.9)": "ranks each row",
    "find_peaks(x)": "fallen",
    "savgol_filter(x, 5, 2)": "centred",
    "np.fft.rfft(x)": "transform of a whole history",
    "filtfilt(b, a, x)": "both ways",
    "pd.read_csv('prices.csv')": "file knows no now",
    "open('prices.csv')": "file knows no now",
    "np.load('prices.npy')": "file knows no now",
    "load_sp500()": "whole histories",
}
HARMLESS = (
    "closes.shift(1)",
    "closes.diff(5)",
    "closes.pct_change()",
    "np.roll(x, 1)",
    "closes.rolling(5).mean()",
    "closes.rolling(5, center=False).mean()",
    "closes.ffill()",
    "closes.rank(axis=1)",
    "closes.rolling(50).rank()",
    "closes.expanding().quantile(0.9)",
    "closes.resample('W', label='right').last()",
    "pd.merge_asof(a, b, on='t', direction='backward')",
    "view.closes[-1]",
    "config.load(x)",
)


@pytest.mark.parametrize(("code", "reason"), SUSPECT.items(), ids=SUSPECT.keys())
def test_what_often_looks_ahead_is_named(code, reason):
    (found, *_) = read_source(f"import numpy as np\n\ndef decide(self, view):\n    x = {code}\n")
    assert found.line == 4 and reason in found.reason
    assert code.split("(")[0].split(".")[-1] in found.code


@pytest.mark.parametrize("code", HARMLESS)
def test_what_looks_back_is_left_alone(code):
    assert read_source(f"def decide(self, view):\n    x = {code}\n") == ()


def test_the_end_of_a_history_is_suspect_only_where_it_is_read_once():
    assert [item.line for item in read_source("last = frame.iloc[-1]\n")] == [1]
    assert read_source("def decide(self, view):\n    return frame.iloc[-1]\n") == ()


def test_a_global_that_is_written_is_named():
    (found,) = read_source("seen = {}\ndef decide(self, view):\n    global seen\n    seen = view\n")
    assert found.line == 3 and "outlives" in found.reason


def test_findings_come_in_the_order_of_lines():
    found = read_source("def f(x):\n    a = x.shift(-1)\n    b = x.bfill()\n    c = x.shift(-2)\n")
    assert [item.line for item in found] == [2, 3, 4]


def test_what_is_not_python_has_no_findings():
    assert read_source("def decide(:") == ()


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "strategies").glob("*.py")), ids=lambda path: path.stem
)
def test_the_strategies_that_ship_raise_no_suspicion(path):
    assert read_source(path.read_text()) == ()
