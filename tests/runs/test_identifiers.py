"""Identifiers are ULIDs that sort by time; names that could lead elsewhere are refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from quantdl.errors import RunError
from quantdl.runs.identifiers import checked_file, checked_id, checked_name, id_time, new_run_id, trailing_id

LAST = "7" + "Z" * 25  # 128 bits of ones
MILLISECOND = 1_000_000  # nanoseconds
NOON = 1_700_000_000_000_000_000  # nanoseconds since 1970


def test_the_time_is_written_in_crockfords_base_32():
    # From the ULID specification: 1469918176385 ms since 1970 is written 01ARYZ6S41.
    run_id = new_run_id(clock=lambda: 1469918176385 * MILLISECOND)
    assert run_id[:10] == "01ARYZ6S41"
    assert id_time(run_id) == datetime(2016, 7, 30, 22, 36, 16, 385_000, UTC)


def test_two_identifiers_of_one_instant_differ():
    assert len({new_run_id(clock=lambda: 5 * MILLISECOND) for _ in range(100)}) == 100


@given(st.integers(0, 2**45), st.integers(0, 2**45))
def test_text_order_is_the_order_of_milliseconds(first, second):
    ids = [new_run_id(clock=lambda at=at: at * MILLISECOND) for at in (first, second)]
    if first != second:
        assert (ids[0] < ids[1]) == (first < second)


@given(st.integers(0, 2**45), st.integers(-(2**45), 1))
def test_an_identifier_sorts_behind_the_last_one_also_when_the_clock_was_set_back(at, step):
    before = new_run_id(clock=lambda: at * MILLISECOND)
    later = new_run_id(clock=lambda: max(at + step, 0) * MILLISECOND, after=before)
    assert later > before


@pytest.mark.parametrize(
    "wrong", ["", "01ARYZ6S41", "8" + "0" * 25, "01ARYZ6S41" + "I" * 16, LAST.lower(), LAST + "\n"]
)
def test_what_is_no_ulid_is_refused(wrong):
    with pytest.raises(RunError, match="expected 26 characters"):
        checked_id(wrong)
    with pytest.raises(RunError, match="expected 26 characters"):
        new_run_id(after=wrong)


def test_the_identifier_stands_at_the_end_of_a_folders_name():
    assert checked_id(LAST) == LAST
    assert trailing_id(f"quickstart-{LAST}") == LAST
    assert trailing_id(LAST) == LAST
    assert trailing_id(f"{LAST}-copy") is None
    assert trailing_id("") is None


@pytest.mark.parametrize("name", ["a", "quick-start_2.0", "9lives", "a" * 100])
def test_plain_names_pass(name):
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "a b", "a\n", "é", "a" * 101, "a\0"])
def test_names_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(RunError, match="expected 1 to 100 letters"):
        checked_name(name)


@pytest.mark.parametrize("name", ["log.txt", "model/weights.safetensors", "year=2020/part-0.parquet", "_a/_b/c"])
def test_paths_inside_the_folder_pass(name):
    assert checked_file(name) == name


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/.hidden", "a\\b", "a/b\n", "-a", "a" * 129]
)
def test_paths_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(RunError, match="expected a path inside the run folder"):
        checked_file(name)


def test_identifiers_sort_by_time():
    ids = [new_run_id(clock=lambda t=t: NOON + t * 1_000_000) for t in range(200)]
    assert ids == sorted(ids)
    assert len({*ids}) == 200
    assert id_time(ids[0]).isoformat() == "2023-11-14T22:13:20+00:00"


def test_identifiers_of_one_millisecond_differ():
    assert len({new_run_id(clock=lambda: NOON) for _ in range(100_000)}) == 100_000


@pytest.mark.parametrize("name", ["NA", "ON", "007", "1E5", "a.b-c_d", "x" * 100])
def test_plain_names_are_kept(name):
    assert checked_name(name) == name
    assert checked_file(f"part/{name}.parquet") == f"part/{name}.parquet"


@pytest.mark.parametrize("name", ["I" * 26, "8" + "0" * 25, "01HF7YAT0000000000000000", "01hf7yat000000000000000000"])
def test_identifiers_of_another_make_are_refused(name):
    with pytest.raises(RunError, match="26 characters"):
        checked_id(name)
