"""The environment of a run: versions of what is installed, threads and the variables that limit them."""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

import quantdl
from quantdl.records import from_plain, to_plain
from quantdl.runs.environment import Environment, environment, lock

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@pytest.fixture(scope="module")
def found() -> Environment:
    return environment()


def test_versions_are_those_of_the_packages_that_are_loaded(found):
    assert found.quantdl == quantdl.__version__
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.packages["numpy"] == np.__version__
    assert found.packages["torch"] == version("torch")
    assert {"pandas", "pyarrow", "pydantic"} <= set(found.packages)


def test_the_machine_is_named(found):
    assert found.system.startswith(platform.system())
    assert found.processor.strip() == found.processor != ""
    assert found.cores is None or found.cores >= 1


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="no /proc on this machine")
def test_the_processor_is_the_one_that_linux_names(found):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")}
    assert not models or found.processor in models


def test_threads_are_those_of_torch():
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert environment().threads == threads
    finally:
        torch.set_num_threads(before)


def test_variables_that_limit_threads_are_named_whether_set_or_not(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert environment().thread_variables == dict(zip(VARIABLES, ("3", "5", ""), strict=True))


def test_the_record_is_read_back_as_it_was_written(found):
    assert from_plain(Environment, json.loads(json.dumps(to_plain(found)))) == found


def test_the_lock_lists_each_package_once_in_alphabetical_order_whatever_the_case():
    text = lock({"torch": "2.0", "Jinja2": "3.1", "annotated-types": "0.7"})
    assert text == "annotated-types==0.7\nJinja2==3.1\ntorch==2.0\n"


def test_nothing_installed_is_an_empty_lock():
    assert lock({}) == ""
