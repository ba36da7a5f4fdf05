"""Run folders under kills, full disks, hostile names and damage."""

import errno
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys

import pytest

from quantdl.errors import IntegrityError, RunError, RunNameError
from quantdl.runs.identifiers import checked_file, checked_id
from quantdl.runs.manifest import MANIFEST
from quantdl.runs.store import (
    RunWriter,
    delete_run,
    find_run,
    list_runs,
    open_run,
    remove_abandoned,
)
from quantdl.runs.verification import verify_run

NOON = 1_700_000_000_000_000_000  # nanoseconds since 1970


def write_run(root, name="quickstart", **options):
    with RunWriter(root, name, **options) as run:
        run.write_json("metrics.json", {"sharpe": 0.9, "calmar": None})
        run.write_text("config.yaml", "name: quickstart\n")
        run.write_bytes("model/weights.safetensors", bytes(range(256)) * 40)
    return run.target


def everything_below(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.name != ".lock")


def test_a_run_is_read_as_it_was_written(tmp_path):
    run = open_run(write_run(tmp_path))
    assert run.read_json("metrics.json") == {"sharpe": 0.9, "calmar": None}
    assert run.read_text("config.yaml") == "name: quickstart\n"
    assert run.read_bytes("model/weights.safetensors") == bytes(range(256)) * 40
    assert run.file("config.yaml") == run.path / "config.yaml"
    assert sorted(run.files) == ["config.yaml", "metrics.json", "model/weights.safetensors"]
    assert run.path.name == f"quickstart-{run.id}"
    assert verify_run(run.path) == ()


def test_the_manifest_holds_size_and_sha256_of_every_file(tmp_path):
    target = write_run(tmp_path)
    manifest = json.loads((target / MANIFEST).read_text())
    assert manifest["schema_version"] == 1
    for name, record in manifest["files"].items():
        content = (target / name).read_bytes()
        assert record == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_json_is_the_same_bytes_for_the_same_content(tmp_path):
    with RunWriter(tmp_path, "a") as run:
        run.write_json("one.json", {"b": [1.5, None], "a": {"z": 0.1, "y": "é"}})
        run.write_json("two.json", {"a": {"y": "é", "z": 0.1}, "b": [1.5, None]})
    assert run.target.joinpath("one.json").read_bytes() == run.target.joinpath("two.json").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_figure_that_is_not_finite_is_refused_by_name(tmp_path, value):
    with pytest.raises(RunError, match=r"metrics\.json: not a finite number at strategy\.calmar\[1\]\."):
        with RunWriter(tmp_path, "a") as run:
            run.write_json("metrics.json", {"strategy": {"sharpe": 1.0, "calmar": [0.0, value]}})
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit, MemoryError])
def test_an_interrupted_run_leaves_nothing_and_raises_what_interrupted_it(tmp_path, error):
    with pytest.raises(error):
        with RunWriter(tmp_path, "a") as run:
            run.write_text("log.txt", "half")
            raise error
    assert everything_below(tmp_path) == []
    assert list_runs(tmp_path) == ()


def test_a_folder_that_exists_is_never_overwritten(tmp_path):
    write_run(tmp_path, folder="mine")
    before = {
        name: (tmp_path / name).read_bytes() for name in everything_below(tmp_path) if (tmp_path / name).is_file()
    }
    with pytest.raises(RunNameError, match=r"mine: this run folder exists.*--output.*quantdl runs delete /"):
        with RunWriter(tmp_path, "other", folder="mine"):
            pytest.fail("the block must not start: hours of training would be lost at its end")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_takes_the_place_during_the_run_is_not_overwritten(tmp_path, kind):
    target = tmp_path / "mine"
    said = "a folder that is no run stands there" if kind == "folder" else "a file stands there"
    with pytest.raises(RunError, match=f"mine: {said}, and nothing is overwritten. Give another place") as caught:
        with RunWriter(tmp_path, "a", folder="mine"):
            if kind == "file":
                target.write_text("precious")
            elif kind == "folder":
                target.mkdir()
            else:
                target.symlink_to("nowhere")
    assert everything_below(tmp_path) == ["mine"]
    assert caught.value.exit_code == 6  # the run was carried out and is lost


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_run_is_not_offered_to_be_deleted_as_one(tmp_path, kind):
    target = tmp_path / "README.md"
    target.mkdir() if kind == "folder" else target.write_text("precious")
    with pytest.raises(RunNameError, match="stands there, and nothing is overwritten. Give another place") as caught:
        with RunWriter(tmp_path, "a", folder="README.md"):
            pytest.fail("must not start")
    assert "delete" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_run_is_readable_while_it_is_being_written(tmp_path):
    with RunWriter(tmp_path, "a") as run:
        run.write_json("metrics.json", {"x": 1})
        assert run.so_far().read_json("metrics.json") == {"x": 1}
        assert run.so_far().id == run.id
        assert list_runs(tmp_path) == ()


def test_other_writers_get_a_path(tmp_path):
    with RunWriter(tmp_path, "a") as run:
        run.path("tables/equity.parquet").write_bytes(b"PAR1")
    assert open_run(run.target).read_bytes("tables/equity.parquet") == b"PAR1"


# Full disks


def test_a_run_that_is_alive_is_not_cleaned_away(tmp_path):
    with RunWriter(tmp_path, "a") as run:
        run.write_text("log.txt", "x")
        assert remove_abandoned(tmp_path) == ()
    assert verify_run(run.target) == ()
    assert remove_abandoned(tmp_path / "nowhere") == ()


def test_a_full_disk_reported_by_another_writer_is_a_run_error(tmp_path):
    earlier = write_run(tmp_path)

    def parquet_writer(path):
        path.write_bytes(b"PAR1 half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(RunError, match="No space left on device.*Free some space") as caught:
        with RunWriter(tmp_path, "a") as run:
            parquet_writer(run.path("equity.parquet"))
    assert caught.value.exit_code == 6
    assert [entry.path for entry in list_runs(tmp_path)] == [earlier]
    assert verify_run(earlier) == ()
    assert not any(name.startswith(".partial") for name in everything_below(tmp_path))


def test_a_limit_on_file_size_is_a_run_error(tmp_path):
    """A real refusal by the kernel, without privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(RunError, match=r"big\.bin: File too large"):
            with RunWriter(tmp_path, "a") as run:
                run.write_bytes("big.bin", bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert everything_below(tmp_path) == []


@pytest.mark.skipif(shutil.which("mount") is None, reason="this machine cannot mount a small disk")
def test_a_disk_that_fills_up_keeps_earlier_runs(tmp_path):
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("mounting a small disk needs privileges")
    try:
        earlier = write_run(tmp_path)
        with pytest.raises(RunError, match="No space left on device"):
            with RunWriter(tmp_path, "a") as run:
                run.write_bytes("big.bin", bytes(400_000))
        assert verify_run(earlier) == ()
        assert [entry.path for entry in list_runs(tmp_path)] == [earlier]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_an_error_of_another_disk_passes_through(tmp_path):
    with pytest.raises(PermissionError, match="prices"):
        with RunWriter(tmp_path, "a"):
            raise PermissionError(errno.EACCES, "Permission denied", "/data/prices.csv")
    assert everything_below(tmp_path) == []


def test_a_root_that_is_a_file_is_a_run_error(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="runs: File exists.*--output"):
        with RunWriter(tmp_path / "runs", "a"):
            pytest.fail("must not start")


# Identifiers and order


@pytest.mark.parametrize("step", [-3600, -1, 0, 1, -31_536_000])
def test_runs_stay_in_order_when_the_clock_is_set_back(tmp_path, step):
    first = write_run(tmp_path, clock=lambda: NOON)
    second = write_run(tmp_path, clock=lambda: NOON + step * 1_000_000_000)
    third = write_run(tmp_path, folder="named", clock=lambda: NOON + 2 * step * 1_000_000_000)
    fourth = write_run(tmp_path, clock=lambda: NOON + 3 * step * 1_000_000_000)
    assert [entry.path for entry in list_runs(tmp_path)] == [first, second, third, fourth]


def _write_many(root, count):
    return [write_run(root).name for _ in range(count)]


def test_runs_that_start_together_get_folders_of_their_own(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        names = sum(pool.starmap(_write_many, [(tmp_path, 15)] * 4), [])
    assert len(set(names)) == 60
    assert sorted(names) == [entry.path.name for entry in list_runs(tmp_path)]
    assert all(entry.problem is None for entry in list_runs(tmp_path))


# Hostile names

TRAVERSALS = [
    "", ".", "..", "../x", "a/../../x", "/etc/passwd", "//proc/self/root", "a//b", "a/", "./a", "a/./b", "a/..",
    "..\\x", "C:\\x", "\\\\host\\share", "%2e%2e/x", "a%2fb", "a#b", "a?b", "a b", "a\x00b", "a\nb", "a\n",
    "\n", "~", "~root", "$HOME", "`id`", "a;b", "a|b", "a*", "-rf", ".hidden", "a/.hidden", ".partial-1", "é",
    "ＡＢ", "a\u202eb", "a" * 200, "a\r", "a\t", "<script>", "'", '"', "a:b", "a&b", "(a)", "a\x7f", "\u2025/x",
    "．．/x",
]  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSALS)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    root = tmp_path / "runs"
    with pytest.raises(RunError, match="file name"):
        checked_file(name)
    with pytest.raises(RunError, match="run name"):
        RunWriter(root, name)
    with pytest.raises(RunError, match="run name"):
        RunWriter(root, "good", folder=name)
    with pytest.raises(RunError, match="run id"):
        checked_id(name)
    with RunWriter(root, "good") as run:
        for write in (run.path, lambda n: run.write_text(n, "x"), lambda n: run.write_bytes(n, b"x")):
            with pytest.raises(RunError, match="file name"):
                write(name)
    with pytest.raises(RunError, match="the run has no file"):
        open_run(run.target).file(name)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_the_manifest_is_not_a_file_of_the_run(tmp_path):
    with RunWriter(tmp_path, "a") as run, pytest.raises(RunError, match="manifest.json is written when"):
        run.write_text(MANIFEST, "{}")


def test_links_do_not_enter_a_run(tmp_path):
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(RunError, match="plain files only"):
        with RunWriter(tmp_path / "runs", "a") as run:
            run.path("stolen.txt").symlink_to(tmp_path / "secret")
    assert list_runs(tmp_path / "runs") == ()


# Damage


def test_a_damaged_file_is_never_handed_out(tmp_path):
    target = write_run(tmp_path)
    (target / "metrics.json").write_text("{}")
    run = open_run(target)
    for read in (run.read_json, run.read_text, run.read_bytes, run.file):
        with pytest.raises(IntegrityError, match=r"metrics\.json: truncated.*Restore") as caught:
            read("metrics.json")
        assert caught.value.exit_code == 5
    with pytest.raises(RunError, match="has no file 'equity.parquet'. It holds: config.yaml, metrics.json"):
        run.file("equity.parquet")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "5", '{"schema_version": 1}', "[" * 100_000, "\0" * 500])
def test_one_broken_run_does_not_hide_the_others(tmp_path, content):
    first, broken, last = (write_run(tmp_path) for _ in range(3))
    (broken / MANIFEST).write_text(content)
    entries = list_runs(tmp_path)
    assert [entry.path for entry in entries] == [first, broken, last]
    assert [entry.problem is None for entry in entries] == [True, False, True]
    assert "the manifest is damaged" in entries[1].problem
    assert verify_run(broken) == (entries[1].problem,)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda run: (run / "metrics.json").unlink(), "metrics.json: missing"),
        (lambda run: (run / "config.yaml").write_text(""), "config.yaml: truncated, 0 bytes where 17"),
        (lambda run: (run / "model").rename(run / "module"), "model/weights.safetensors: missing"),
    ],
)
def test_a_run_that_lacks_a_file_or_a_part_of_it_is_listed_with_what_is_wrong(tmp_path, damage, problem):
    first, broken, last = (write_run(tmp_path) for _ in range(3))
    damage(broken)
    entries = list_runs(tmp_path)
    assert [entry.path for entry in entries] == [first, broken, last]
    assert entries[1].problem.startswith(problem)
    assert entries[0].problem is entries[2].problem is None


def test_a_run_without_its_manifest_is_listed_as_broken(tmp_path):
    target = write_run(tmp_path)
    (target / MANIFEST).unlink()
    (entry,) = list_runs(tmp_path)
    assert "it has no manifest.json" in entry.problem
    assert entry.id == target.name[-26:]


# Listing, finding, deleting


def test_only_runs_are_listed(tmp_path):
    target = write_run(tmp_path)
    (tmp_path / "ledger.jsonl").write_text("")
    (tmp_path / "notes").mkdir()
    (tmp_path / ".partial-x").mkdir()
    assert [entry.path for entry in list_runs(tmp_path)] == [target]
    assert list_runs(tmp_path / "nowhere") == ()


def test_a_run_is_found_by_path_folder_identifier_and_its_beginning(tmp_path):
    first = open_run(write_run(tmp_path, clock=lambda: NOON))
    write_run(tmp_path, "other", clock=lambda: NOON + 10**15)
    for reference in (str(first.path), first.path.name, first.id, first.id[:10]):
        assert find_run(tmp_path, reference) == first


def test_a_run_is_found_by_its_name_where_no_other_has_it(tmp_path):
    first = open_run(write_run(tmp_path, clock=lambda: NOON))
    write_run(tmp_path, "other", clock=lambda: NOON + 10**15)
    assert find_run(tmp_path, first.name) == first


def test_a_name_of_several_runs_is_refused_and_their_folders_named(tmp_path):
    write_run(tmp_path, clock=lambda: NOON)
    last = open_run(write_run(tmp_path, clock=lambda: NOON + 10**15))
    with pytest.raises(RunNameError, match=f"2 runs are called '{last.name}': .*, {last.path.name}"):
        find_run(tmp_path, last.name)


@pytest.mark.parametrize("reference", ["", "nothing", "..", "0"])
def test_a_reference_to_no_run_or_to_several_is_refused(tmp_path, reference):
    write_run(tmp_path)
    write_run(tmp_path)
    with pytest.raises(RunNameError, match="no run is called|2 runs are called") as caught:
        find_run(tmp_path, reference)
    assert caught.value.exit_code == 2


def test_a_run_that_was_probably_meant_is_named(tmp_path):
    write_run(tmp_path, folder="quickstart-of-may")
    with pytest.raises(RunNameError, match="did you mean 'quickstart-of-may'"):
        find_run(tmp_path, "quickstart-of-mai")


@pytest.mark.parametrize("missing", ["nowhere", "folder"])
def test_opening_what_is_no_run_is_refused(tmp_path, missing):
    (tmp_path / "folder").mkdir()
    for operation in (open_run, verify_run, delete_run):
        with pytest.raises(RunNameError, match="no such run folder|not a run folder"):
            operation(tmp_path / missing)
    assert (tmp_path / "folder").is_dir()


def test_a_deleted_run_is_gone_and_others_stay(tmp_path):
    first, second = write_run(tmp_path), write_run(tmp_path)
    delete_run(first)
    assert [entry.path for entry in list_runs(tmp_path)] == [second]
    assert not any(name.startswith(".partial") for name in everything_below(tmp_path))


def test_the_package_imports_neither_torch_nor_pandas():
    every = "import sys, quantdl.runs, quantdl.runs.selection, quantdl.runs.returns, quantdl.runs.environment"
    for script, unwanted in ((every, {"torch", "pandas", "scipy"}), ("import sys, quantdl.runs", {"numpy"})):
        script += f"; print({unwanted} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == "set()\n"
