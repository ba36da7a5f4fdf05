"""The ledger under kills, bit flips, cuts and company."""

import json
import os
import resource
import threading
from dataclasses import replace
from datetime import date

import pytest

from quantdl.errors import IntegrityError, RunError
from quantdl.runs.ledger import Entry, Ledger, Look, PeriodSharpe, ReturnsColumn, Trial, idea_hash, trial_hash

RUN = "01HF7YAT000000000000000000"
FIGURES = PeriodSharpe(sharpe=0.05, n_observations=1000, skewness=-0.3, kurtosis=5.5)


def _trial(data="sha256:data", look=None, origin="", idea=""):
    return Trial(1, "t", data, RUN, "2024-01-01T00:00:00+00:00", FIGURES, "", look, origin, idea)


def filled(path, count=4):
    ledger = Ledger(path / "ledger.jsonl", clock=lambda: 1_700_000_000.0)
    for number in range(count):
        ledger.append(Entry(f"trial-{number}", "sha256:data", RUN, FIGURES))
    return ledger


def test_a_trial_is_read_as_it_was_recorded(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl", clock=lambda: 1_700_000_000.0)
    assert ledger.read().records == ()
    first = ledger.append(Entry("t1", "sha256:data", RUN, FIGURES))
    second = ledger.append(Entry("t2", "sha256:data", RUN, None, "zero variance: every return is the same"))
    assert ledger.read().records == (first, second)
    assert ledger.read().torn is None
    assert (first.sequence, first.time, first.figures) == (1, "2023-11-14T22:13:20+00:00", FIGURES)
    assert (second.sequence, second.figures, second.reason) == (2, None, "zero variance: every return is the same")


def test_looks_at_a_span_count_runs_and_evaluations_once_each_and_only_where_they_overlap(tmp_path):
    ledger = filled(tmp_path, count=1)  # an old line, which does not say its span
    early, late = Look(date(2017, 1, 3), date(2018, 12, 31)), Look(date(2019, 1, 2), date(2022, 12, 28))
    part = Look(date(2018, 12, 31), date(2019, 6, 28), "evaluation")
    ledger.append(Entry("a", "sha256:data", RUN, FIGURES, look=late))
    ledger.append(Entry("a", "sha256:data", "evaluation", None, "no strategy", replace(late, purpose="evaluation")))
    ledger.append(Entry("b", "sha256:data", RUN, FIGURES, look=early))
    ledger.append(Entry("c", "sha256:data", "evaluation", None, "no strategy", part))
    ledger.append(Entry("d", "sha256:other", RUN, FIGURES, look=late))
    reading = ledger.read()
    own = reading.records[1]
    assert own.look == late
    assert reading.looks(own) == 3  # the old line, a, c
    assert reading.looks(replace(own, look=early)) == 3  # the old line, b, c, which share a day
    assert reading.looks(replace(own, look=Look(date(2001, 1, 2), date(2001, 6, 1)))) == 1
    assert [trial.trial for trial in reading.distinct()] == ["trial-0", "a", "b", "d"]


def test_a_line_from_before_looks_were_recorded_is_still_whole(tmp_path):
    ledger = filled(tmp_path, count=1)
    assert {"look", "origin", "idea", "returns"}.isdisjoint(json.loads(ledger.path.read_text())["record"])
    assert ledger.read().records[0].look is None


def test_every_line_is_json_of_its_own(tmp_path):
    lines = filled(tmp_path).path.read_text().splitlines()
    assert [json.loads(line)["record"]["trial"] for line in lines] == ["trial-0", "trial-1", "trial-2", "trial-3"]


def test_the_same_trial_counts_once_whenever_it_is_repeated(tmp_path):
    ledger = filled(tmp_path)
    ledger.append(Entry("trial-1", "sha256:data", "01HF7YAT000000000000000009", FIGURES))
    ledger.append(Entry("elsewhere", "sha256:other", RUN, FIGURES))
    reading = ledger.read()
    assert len(reading.records) == 6
    assert [trial.trial for trial in reading.distinct()] == ["trial-0", "trial-1", "trial-2", "trial-3", "elsewhere"]
    assert reading.distinct()[1].run == RUN


def test_another_vintage_or_fewer_assets_of_one_origin_are_the_same_data_where_spans_share_a_session():
    late, early = Look(date(2019, 1, 2), date(2022, 12, 28)), Look(date(2017, 1, 3), date(2018, 12, 31))
    own = _trial(data="sha256:20 stocks", look=late, origin="a source; XNYS; 1D")
    assert own.shares_data(replace(own, data="sha256:19 stocks"))
    assert own.shares_data(replace(own, origin=""))  # an older line, by its fingerprint
    assert not own.shares_data(replace(own, look=early))
    assert not own.shares_data(replace(own, data="sha256:other", origin="another source; XNYS; 1D"))
    assert not replace(own, origin="").shares_data(replace(own, origin="", data="sha256:other"))
    assert own.shares_data(replace(own, look=None))  # an older line, over any span


def test_an_idea_is_the_words_of_its_hypothesis():
    words = "Momentum pays,\n  after costs."
    own = _trial(idea=idea_hash(words))
    assert own.shares_idea(_trial(idea=idea_hash("MOMENTUM pays, after costs.")))
    assert not own.shares_idea(_trial(idea=idea_hash("Momentum pays.")))
    assert own.shares_idea(_trial(idea=""))  # an older line counts for every idea


def test_a_fit_that_is_compared_on_the_validation_span_is_a_trial_of_that_span():
    searched = _trial(look=Look(date(2017, 1, 3), date(2018, 12, 31), "search"))
    assert searched.is_run
    assert searched.shares_data(_trial(look=Look(date(2018, 1, 2), date(2019, 12, 31))))
    assert not searched.shares_data(_trial(look=Look(date(2019, 1, 2), date(2022, 12, 28))))
    assert not _trial(look=Look(date(2017, 1, 3), date(2018, 12, 31), "evaluation")).is_run


def test_config_data_seed_and_code_make_a_trial():
    base = trial_hash("{}", "d", 1, "c")
    assert base == trial_hash("{}", "d", 1, "c")
    others = {trial_hash("{ }", "d", 1, "c"), trial_hash("{}", "e", 1, "c"), trial_hash("{}", "d", 2, "c")}
    assert len({base, trial_hash("{}", "d", 1, "f"), trial_hash("{}d", "", 1, "c"), *others}) == 6


def test_order_is_by_sequence_when_the_clock_is_set_back(tmp_path):
    times = iter([1_700_000_000.0, 1_600_000_000.0, 1_800_000_000.0])
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=lambda: next(times))
    for trial in "abc":
        ledger.append(Entry(trial, "d", RUN, FIGURES))
    assert [(record.sequence, record.trial) for record in ledger.read().records] == [(1, "a"), (2, "b"), (3, "c")]


def test_a_trial_without_figures_needs_a_reason(tmp_path):
    with pytest.raises(ValueError, match="needs a reason"):
        Ledger(tmp_path / "ledger.jsonl").append(Entry("t", "d", RUN, None))
    assert not (tmp_path / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ((float("nan"), 100, 0.0, 3.0), "must be finite"),
        ((0.1, 100, 0.0, float("inf")), "must be finite"),
        ((0.1, 1, 0.0, 3.0), "at least 2, got 1"),
        ((0.1, 100, 0.0, 0.2), "Excess kurtosis was given"),
        ((0.1, 100, -2.0, 4.0), "which no law allows"),
    ],
)
def test_impossible_figures_are_refused(figures, message):
    with pytest.raises(ValueError, match=message):
        PeriodSharpe(*figures)


# Damage


def test_a_cut_keeps_what_was_acknowledged_and_reports_the_rest(tmp_path):
    """At every third byte, and at every byte around the end of a line."""
    ledger = filled(tmp_path, 2)
    whole = ledger.path.read_bytes()
    ends = [position + 1 for position, byte in enumerate(whole) if byte == ord("\n")]
    lengths = {*range(0, len(whole), 3), *(end + offset for end in ends for offset in (-3, -2, -1, 0, 1))}
    for length in sorted(length for length in lengths if length < len(whole)):
        ledger.path.write_bytes(whole[:length])
        reading = ledger.read()
        kept = sum(length >= end - 1 for end in ends)  # a line that lacks only its newline is whole
        assert len(reading.records) == kept
        is_clean = length == 0 or length in ends or length + 1 in ends
        assert (reading.torn is None) == is_clean
        assert ledger.append(Entry("next", "d", RUN, FIGURES)).sequence == kept + 1
        assert ledger.read().torn is None
        assert [record.trial for record in ledger.read().records][-1] == "next"


def test_a_tail_of_zeros_after_a_power_cut_is_a_torn_line(tmp_path):
    ledger = filled(tmp_path, 2)
    whole = ledger.path.read_bytes()
    for tail in (b"\0" * 300, b'{"chain": "ab' + b"\0" * 50):
        ledger.path.write_bytes(whole + tail)
        assert f"{len(tail)} bytes of an unfinished record 3" in ledger.read().torn
        assert len(ledger.read().records) == 2
    ledger.append(Entry("next", "d", RUN, FIGURES))
    assert ledger.read().torn is None
    assert b"\0" not in ledger.path.read_bytes()


def test_a_flipped_bit_is_found_and_located(tmp_path):
    """One bit of every byte, the next one of the next byte, and each bit of what ends lines and encloses records."""
    ledger = filled(tmp_path, 2)
    whole = ledger.path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8) if whole[position] in b"\n{}" else [position % 8]:
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            ledger.path.write_bytes(flipped)
            with pytest.raises(IntegrityError, match=r"ledger\.jsonl:[12]: not the line that was written"):
                ledger.read()
    with pytest.raises(IntegrityError, match="not the line that was written") as caught:
        ledger.append(Entry("next", "d", RUN, FIGURES))
    assert caught.value.exit_code == 5
    assert ledger.path.read_bytes() == flipped


@pytest.mark.parametrize("order", [[1, 2, 3], [0, 2, 3], [0, 1, 3], [1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 1, 3, 2]])
def test_a_removed_repeated_or_moved_line_is_found(tmp_path, order):
    ledger = filled(tmp_path)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(IntegrityError, match="does not continue the line before it"):
        ledger.read()


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b"null\n", b"{}\n", b'{"record": 1}\n', b"[" * 100_000 + b"\n", b"garbage"]
)
def test_foreign_lines_are_found(tmp_path, line):
    ledger = filled(tmp_path, 1)
    ledger.path.write_bytes(ledger.path.read_bytes() + line)
    with pytest.raises(IntegrityError, match=r"ledger\.jsonl:2: "):
        ledger.read()


def test_a_disk_that_refuses_leaves_the_ledger_as_it_was(tmp_path):
    """A real refusal by the kernel in the middle of a line."""
    ledger = filled(tmp_path, 3)
    whole = ledger.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, hard))
    try:
        with pytest.raises(RunError, match="File too large. The trial was not recorded"):
            ledger.append(Entry("next", "d", RUN, FIGURES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.path.read_bytes() == whole
    assert ledger.append(Entry("next", "d", RUN, FIGURES)).sequence == 4


def test_a_ledger_that_is_a_folder_is_a_run_error(tmp_path):
    with pytest.raises(RunError, match="Is a directory"):
        Ledger(tmp_path).append(Entry("t", "d", RUN, FIGURES))
    with pytest.raises(RunError, match="Is a directory"):
        Ledger(tmp_path).read()


# Many at once


def test_many_trials_are_recorded_by_one_write_and_one_force(tmp_path, monkeypatch):
    ledger, calls = filled(tmp_path), []
    for name in ("write", "fsync"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, call=call, name=name: calls.append(name) or call(*given))
    records = ledger.append_all(Entry(f"set-{n}", "d", "sweep", FIGURES) for n in range(1000))
    assert calls == ["write", "fsync"]
    assert [record.sequence for record in records] == list(range(5, 1005))
    assert Ledger(ledger.path).read().records[4:] == records
    assert ledger.append_all([]) == () and calls == ["write", "fsync"]


def test_trials_recorded_at_once_are_the_lines_of_trials_recorded_one_by_one(tmp_path):
    entries = [Entry(f"t{n}", "d", RUN, FIGURES, returns=ReturnsColumn("ab", n)) for n in range(3)]
    one, other = (Ledger(tmp_path / name, clock=lambda: 1_700_000_000.0) for name in ("one", "other"))
    for entry in entries:
        one.append(entry)
    other.append_all(entries)
    assert one.path.read_bytes() == other.path.read_bytes()


def test_one_impossible_trial_keeps_all_of_them_out(tmp_path):
    ledger = filled(tmp_path)
    whole = ledger.path.read_bytes()
    with pytest.raises(ValueError, match="needs a reason"):
        ledger.append_all([Entry("a", "d", RUN, FIGURES), Entry("b", "d", RUN, None)])
    assert ledger.path.read_bytes() == whole


# Company


def test_what_others_appended_is_checked_before_it_is_gone_on_from(tmp_path):
    mine = filled(tmp_path, 2)
    theirs = Ledger(mine.path)
    theirs.append(Entry("theirs", "d", RUN, FIGURES))
    assert mine.append(Entry("mine", "d", RUN, FIGURES)).sequence == 4
    lines = mine.path.read_bytes().splitlines(keepends=True)
    mine.path.write_bytes(b"".join(lines[:3]) + lines[3].replace(b"mine", b"mime"))
    with pytest.raises(IntegrityError, match=r"ledger\.jsonl:4"):
        mine.append(Entry("next", "d", RUN, FIGURES))


def test_a_ledger_put_in_the_place_of_the_known_one_is_gone_on_from_where_it_ends(tmp_path):
    mine = filled(tmp_path, 3)
    (tmp_path / "other").mkdir()
    other = filled(tmp_path / "other", 5)
    mine.path.write_bytes(other.path.read_bytes())
    assert mine.append(Entry("next", "d", RUN, FIGURES)).sequence == 6
    mine.path.unlink()
    assert mine.append(Entry("first", "d", RUN, FIGURES)).sequence == 1
    assert [record.trial for record in mine.read().records] == ["first"]


def _append_many(path, worker):
    for number in range(20):
        Ledger(path).append(Entry(f"{worker}-{number}", "d", RUN, FIGURES))


def test_a_reader_sees_whole_lines_while_others_append(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writer = threading.Thread(target=lambda: [_append_many(path, worker) for worker in range(3)])
    writer.start()
    seen = 0
    while writer.is_alive():
        reading = Ledger(path).read()
        assert reading.torn is None
        assert len(reading.records) >= seen
        seen = len(reading.records)
    writer.join()
    assert len(Ledger(path).read().records) == 60


def test_a_ledger_that_may_only_be_read_is_read(tmp_path):
    ledger = filled(tmp_path)
    os.chmod(ledger.path, 0o444)
    assert len(ledger.read().records) == 4
