"""Jobs run in processes of their own with one thread, here or on Ray; one that dies takes no other along."""

import importlib.util
import os

import pytest

from quantdl import __version__
from quantdl.errors import ConfigError
from quantdl.runs.workers import Job, ProcessWorkers, RayWorkers, carried_out

HERE = str(os.getcwd())
JOBS = [Job(("--version",), HERE), Job(("runs", "list", "--no-such-option"), HERE), Job(("--version",), HERE)]
RAY = importlib.util.find_spec("ray") is not None


def check(found: dict) -> None:
    assert sorted(found) == [0, 1, 2]
    for number in (0, 2):
        assert (found[number].code, found[number].output.strip()) == (0, f"quantdl {__version__}")
    assert found[1].code == 2 and "no-such-option" in found[1].errors


def test_every_job_is_carried_out_and_told_apart():
    check(dict(ProcessWorkers(2).results(JOBS)))


def test_a_job_computes_with_one_thread(tmp_path):
    """The package of this name stands in the job's folder and tells what it was started with."""
    (tmp_path / "quantdl").mkdir()
    (tmp_path / "quantdl" / "__init__.py").touch()
    (tmp_path / "quantdl" / "__main__.py").write_text("import os; print(os.environ['OMP_NUM_THREADS'])")
    told = carried_out(Job((), str(tmp_path)), {**os.environ, "OMP_NUM_THREADS": "7", "PYTHONPATH": ""})
    assert told.output.strip() == "1"


def test_a_process_that_is_killed_is_told_by_its_signal(tmp_path):
    (tmp_path / "quantdl").mkdir()
    (tmp_path / "quantdl" / "__init__.py").touch()
    (tmp_path / "quantdl" / "__main__.py").write_text(
        "import os, signal, sys; os.kill(os.getpid(), signal.SIGKILL) if 'die' in sys.argv else print('well')"
    )
    # an empty path, so that python finds this package and no other
    told = {
        word: carried_out(Job((word,), str(tmp_path)), {**os.environ, "PYTHONPATH": ""}) for word in ("die", "live")
    }
    assert told["die"].code == -9
    assert (told["live"].code, told["live"].output.strip()) == (0, "well")


@pytest.mark.skipif(RAY, reason="ray is installed")
def test_without_ray_the_fix_is_named():
    with pytest.raises(ConfigError, match=r"ray is not installed: pip install 'quantdl\[ray\]'"):
        list(RayWorkers(1).results(JOBS))


@pytest.mark.slow
@pytest.mark.skipif(not RAY, reason="ray is not installed: pip install 'quantdl[ray]'")
@pytest.mark.filterwarnings("ignore")  # of ray's own parts
def test_ray_carries_out_the_same_jobs():
    check(dict(RayWorkers(2).results(JOBS)))
