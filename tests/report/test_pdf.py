"""A page as PDF: printed by a browser of its own, or not at all and with a reason."""

import shutil
import subprocess
import time

import pytest

from quantdl.errors import ConfigError, RunError
from quantdl.report import write_report
from quantdl.report.pdf import BROWSERS, find_browser, write_pdf

TO = 'for one in "$@"; do case "$one" in --print-to-pdf=*) to="${one#*=}";; esac; done\n'


@pytest.fixture
def browser(tmp_path):
    """A program in the place of a browser that does what its lines say; ``$to`` is where the PDF is wanted."""

    def build(*lines):
        path = tmp_path / "a browser"
        path.write_text("#!/bin/sh\n" + TO + "\n".join(lines) + "\n")
        path.chmod(0o755)
        return str(path)

    return build


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "the page #1.html"
    path.write_text("<h1>Report</h1>")
    return path


def test_what_the_browser_prints_is_put_in_place(browser, page, tmp_path):
    told = tmp_path / "told"
    program = browser(f'printf "%%PDF-1.4 page %%%%EOF" > "$to"; for one in "$@"; do echo "$one" >> "{told}"; done')
    written = write_pdf(page, tmp_path / "made" / "a.pdf", program)
    assert written.read_bytes() == b"%PDF-1.4 page %%EOF"
    assert [path.name for path in written.parent.iterdir()] == ["a.pdf"]
    options = told.read_text().splitlines()
    assert options[-1] == (tmp_path / "the%20page%20%231.html").as_uri().replace("%25", "%")
    assert "--host-resolver-rules=MAP * ~NOTFOUND" in options


@pytest.mark.parametrize("content", ["", "%PDF-1.4 half", "an error page"])
def test_half_a_file_is_no_pdf_and_the_old_one_stays(browser, page, tmp_path, content):
    (tmp_path / "a.pdf").write_bytes(b"old")
    program = browser(f"printf '{content.replace('%', '%%')}' > \"$to\"; echo 'no space in /dev/shm' >&2")
    with pytest.raises(RunError, match=r"a\.pdf: .* printed nothing\. Its last words: no space in /dev/shm"):
        write_pdf(page, tmp_path / "a.pdf", program)
    assert (tmp_path / "a.pdf").read_bytes() == b"old"


def test_a_browser_that_hangs_is_ended_with_all_that_it_started(browser, page, tmp_path):
    program = browser(f'sleep 600 & echo $! > "{tmp_path}/child"; wait')
    started = time.monotonic()
    with pytest.raises(RunError, match=r"had not printed after 0\.5 seconds and was ended"):
        write_pdf(page, tmp_path / "a.pdf", program, seconds=0.5)
    assert time.monotonic() - started < 60
    child = (tmp_path / "child").read_text().strip()
    for _ in range(100):
        state = subprocess.run(["ps", "-o", "stat=", "-p", child], capture_output=True, text=True).stdout.strip()
        if not state or state.startswith("Z"):
            break
        time.sleep(0.05)
    assert not state or state.startswith("Z")


def test_a_machine_without_a_browser_is_told_the_fix():
    with pytest.raises(ConfigError, match=r"none of no-such-browser is on the PATH\. Install one .*chromium"):
        find_browser(("no-such-browser",))


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium is installed")
def test_chromium_prints_a_report_with_its_charts(files, write, tmp_path):  # noqa: F811
    written = write_pdf(write_report(write(files), tmp_path / "a.html"), tmp_path / "a.pdf", find_browser())
    assert written.stat().st_size > 200_000  # a page without its charts is a tenth of that
