"""The benchmarks still run: each of these on a small panel, for its figures' form and not for their size."""

import json
import subprocess
import sys
from pathlib import Path

SECTIONS = Path(__file__).parents[1] / "benchmarks" / "sections"


def test_the_pass_over_a_mapped_panel_sees_every_window_once():
    command = [sys.executable, SECTIONS / "mapped_pass.py", "--assets", "70", "--sessions", "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["finite"] is True
    assert 0 < figures["windows"] < 70 * 300  # an asset's first bar has no return, and some are listed late


def test_an_unknown_section_is_refused_with_the_ones_there_are():
    done = subprocess.run([sys.executable, SECTIONS.parent / "data.py", "windws"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "there are panel, calendars, windows, mapped_pass" in done.stderr
