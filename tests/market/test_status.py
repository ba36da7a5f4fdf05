import numpy as np
import pandas as pd

from quantdl.market.card import SilenceRule
from quantdl.market.status import CellStatus, read_silence

U, T, M, H, D = (CellStatus[name] for name in ("UNLISTED", "TRADED", "MISSING", "HALTED", "DELISTED"))


def silence(statuses, sessions, **rule):
    column = np.array(statuses, dtype=np.int8)[:, None]
    return read_silence(column, pd.DatetimeIndex(sessions), ("A",), SilenceRule(**rule))[:, 0].tolist()


def test_a_session_of_several_bars_is_silent_only_when_all_of_them_are():
    sessions = ["2024-07-01"] * 3 + ["2024-07-02"] * 3 + ["2024-07-03"] * 3
    statuses = [T, T, M, T, M, M, M, M, M]
    assert silence(statuses, sessions, delisted_after_sessions=1) == statuses
    assert silence(statuses, sessions, delisted_after_sessions=0) == [T, T, M, T, *[D] * 5]


def test_a_stated_end_decides_by_the_session_not_by_the_count():
    sessions = ["2024-07-01"] * 2 + ["2024-07-02"] * 2
    ended = {"A": pd.Timestamp("2024-07-01").date()}
    assert silence([T, M, M, M], sessions, ended=ended) == [T, M, D, D]


def test_a_halt_is_no_silence():
    assert silence([T, H, M], ["2024-07-01", "2024-07-02", "2024-07-03"], delisted_after_sessions=0) == [T, H, D]


def test_silence_begins_after_the_last_halt():
    sessions = ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05", "2024-07-08"]
    assert silence([T, H, H, H, M], sessions, delisted_after_sessions=1) == [T, H, H, H, M]
    assert silence([T, M, M, H, M], sessions, delisted_after_sessions=0) == [T, M, M, H, D]
    assert silence([T, M, M, M, M], sessions, delisted_after_sessions=1) == [T, D, D, D, D]


def test_what_never_traded_stays_as_it_is():
    assert silence([U, U], ["2024-07-01", "2024-07-02"], delisted_after_sessions=0) == [U, U]
