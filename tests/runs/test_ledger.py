"""The ledger under kills, bit flips, cuts and company."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from datetime import date

import pytest

from quantdl.errors import IntegrityError, RunError
from quantdl.runs.ledger import Ledger, Look, PeriodSharpe, trial_hash

RUN = "01HF7YAT000000000000000000"
FIGURES = PeriodSharpe(sharpe=0.05, n_observations=1000, skewness=-0.3, kurtosis=5.5)


def filled(path, count=4):
    ledger = Ledger(path / "ledger.jsonl", clock=lambda: 1_700_000_000.0)
    for number in range(count):
        ledger.append(f"trial-{number}", "sha256:data", RUN, FIGURES)
    return ledger


def test_a_trial_is_read_as_it_was_recorded(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl", clock=lambda: 1_700_000_000.0)
    assert ledger.read().records == ()
    first = ledger.append("t1", "sha256:data", RUN, FIGURES)
    second = ledger.append("t2", "sha256:data", RUN, None, "zero variance: every return is the same")
    assert ledger.read().records == (first, second)
    assert ledger.read().torn is None
    assert (first.sequence, first.time, first.figures) == (1, "2023-11-14T22:13:20+00:00", FIGURES)
    assert (second.sequence, second.figures, second.reason) == (2, None, "zero variance: every return is the same")


def test_looks_at_a_span_count_runs_and_evaluations_once_each_and_only_where_they_overlap(tmp_path):
    ledger = filled(tmp_path, count=1)  # an old line, which does not say its span
    early, late = Look(date(2017, 1, 3), date(2018, 12, 31)), Look(date(2019, 1, 2), date(2022, 12, 28))
    part = Look(date(2018, 12, 31), date(2019, 6, 28), "evaluation")
    ledger.append("a", "sha256:data", RUN, FIGURES, look=late)
    ledger.append("a", "sha256:data", "evaluation", None, "no strategy", replace(late, purpose="evaluation"))
    ledger.append("b", "sha256:data", RUN, FIGURES, look=early)
    ledger.append("c", "sha256:data", "evaluation", None, "no strategy", part)
    ledger.append("d", "sha256:other", RUN, FIGURES, look=late)
    reading = ledger.read()
    assert reading.looks("sha256:data", late) == 3  # the old line, a, c
    assert reading.looks("sha256:data", early) == 3  # the old line, b, c, which share a day
    assert reading.looks("sha256:data", Look(date(2001, 1, 2), date(2001, 6, 1))) == 1
    assert [trial.trial for trial in reading.distinct("sha256:data")] == ["trial-0", "a", "b"]
    assert reading.records[1].look == late


def test_a_line_from_before_looks_were_recorded_is_still_whole(tmp_path):
    ledger = filled(tmp_path, count=1)
    assert "look" not in json.loads(ledger.path.read_text())["record"]
    assert ledger.read().records[0].look is None


def test_every_line_is_json_of_its_own(tmp_path):
    lines = filled(tmp_path).path.read_text().splitlines()
    assert [json.loads(line)["record"]["trial"] for line in lines] == ["trial-0", "trial-1", "trial-2", "trial-3"]


def test_the_same_trial_counts_once_whenever_it_is_repeated(tmp_path):
    ledger = filled(tmp_path)
    ledger.append("trial-1", "sha256:data", "01HF7YAT000000000000000009", FIGURES)
    ledger.append("elsewhere", "sha256:other", RUN, FIGURES)
    reading = ledger.read()
    assert len(reading.records) == 6
    assert [trial.trial for trial in reading.distinct("sha256:data")] == ["trial-0", "trial-1", "trial-2", "trial-3"]
    assert len(reading.distinct()) == 5
    assert reading.distinct()[1].run == RUN


def test_config_data_seed_and_code_make_a_trial():
    base = trial_hash("{}", "d", 1, "c")
    assert base == trial_hash("{}", "d", 1, "c")
    others = {trial_hash("{ }", "d", 1, "c"), trial_hash("{}", "e", 1, "c"), trial_hash("{}", "d", 2, "c")}
    assert len({base, trial_hash("{}", "d", 1, "f"), trial_hash("{}d", "", 1, "c"), *others}) == 6


def test_order_is_by_sequence_when_the_clock_is_set_back(tmp_path):
    times = iter([1_700_000_000.0, 1_600_000_000.0, 1_800_000_000.0])
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=lambda: next(times))
    for trial in "abc":
        ledger.append(trial, "d", RUN, FIGURES)
    assert [(record.sequence, record.trial) for record in ledger.read().records] == [(1, "a"), (2, "b"), (3, "c")]


def test_a_trial_without_figures_needs_a_reason(tmp_path):
    with pytest.raises(ValueError, match="needs a reason"):
        Ledger(tmp_path / "ledger.jsonl").append("t", "d", RUN, None)
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
        assert ledger.append("next", "d", RUN, FIGURES).sequence == kept + 1
        assert ledger.read().torn is None
        assert [record.trial for record in ledger.read().records][-1] == "next"


def test_a_tail_of_zeros_after_a_power_cut_is_a_torn_line(tmp_path):
    ledger = filled(tmp_path, 2)
    whole = ledger.path.read_bytes()
    for tail in (b"\0" * 300, b'{"chain": "ab' + b"\0" * 50):
        ledger.path.write_bytes(whole + tail)
        assert f"{len(tail)} bytes of an unfinished record 3" in ledger.read().torn
        assert len(ledger.read().records) == 2
    ledger.append("next", "d", RUN, FIGURES)
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
        ledger.append("next", "d", RUN, FIGURES)
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
            ledger.append("next", "d", RUN, FIGURES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.path.read_bytes() == whole
    assert ledger.append("next", "d", RUN, FIGURES).sequence == 4


def test_a_ledger_that_is_a_folder_is_a_run_error(tmp_path):
    with pytest.raises(RunError, match="Is a directory"):
        Ledger(tmp_path).append("t", "d", RUN, FIGURES)
    with pytest.raises(RunError, match="Is a directory"):
        Ledger(tmp_path).read()


APPENDER = """
    import sys
    from pathlib import Path
    from quantdl.runs.ledger import Ledger, PeriodSharpe
    ledger = Ledger(Path(sys.argv[1]))
    while True:
        record = ledger.append("killed", "d", "run", PeriodSharpe(0.1, 100, 0.0, 3.0))
        print(record.sequence, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.03, 0.1])
def test_a_kill_loses_nothing_acknowledged(tmp_path, delay):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    command = [sys.executable, "-c", textwrap.dedent(APPENDER), ledger.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        acknowledged = 1 + len(process.stdout.read().splitlines())
    assert len(ledger.read().records) in (acknowledged, acknowledged + 1)
    assert ledger.append("next", "d", RUN, FIGURES).sequence == len(ledger.read().records)


# Company


def _append_many(path, worker):
    for number in range(20):
        Ledger(path).append(f"{worker}-{number}", "d", RUN, FIGURES)


def test_processes_that_append_together_lose_nothing(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(_append_many, [(path, worker) for worker in range(4)])
    records = Ledger(path).read().records
    assert [record.sequence for record in records] == list(range(1, 81))
    assert {record.trial for record in records} == {f"{w}-{n}" for w in range(4) for n in range(20)}


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
