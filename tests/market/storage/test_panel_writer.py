import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantdl.errors import DataError, RunError
from quantdl.market.card import content_fingerprint
from quantdl.market.storage.panel_writer import PanelOutline, PanelWriter
from quantdl.market.storage.store import open_panel
from tests.market.dirty_panels import differences, dirty_panel

PROJECT = Path(__file__).parents[3]


def columns(panel, start, stop):
    fields = {name: values[:, start:stop] for name, values in panel.fields.items()}
    return fields, panel.status[:, start:stop], panel.members[:, start:stop]


def rows(panel, start, stop):
    fields = {name: values[start:stop] for name, values in panel.fields.items()}
    return fields, panel.status[start:stop], panel.members[start:stop]


@pytest.mark.parametrize("width", [1, 3, 8])
def test_blocks_of_assets_make_the_same_panel(tmp_path, width):
    panel = dirty_panel()
    with PanelWriter(tmp_path / "panel", PanelOutline.of(panel)) as writer:
        for start in reversed(range(0, 8, width)):
            writer.write_assets(start, *columns(panel, start, start + width))
    assert differences(panel, open_panel(tmp_path / "panel")) == []


@pytest.mark.parametrize("height", [1, 7, 40])
def test_blocks_of_sessions_make_the_same_panel(tmp_path, height):
    panel = dirty_panel()
    with PanelWriter(tmp_path / "panel", PanelOutline.of(panel)) as writer:
        for start in range(0, 40, height):
            writer.write_sessions(start, *rows(panel, start, start + height))
    assert differences(panel, open_panel(tmp_path / "panel")) == []


def test_the_order_of_an_array_in_memory_does_not_matter(tmp_path):
    panel = dirty_panel()
    with PanelWriter(tmp_path / "panel", PanelOutline.of(panel)) as writer:
        fields = {name: np.asfortranarray(values) for name, values in panel.fields.items()}
        writer.write_assets(0, fields, np.asfortranarray(panel.status), panel.members)
    assert differences(panel, open_panel(tmp_path / "panel")) == []


def test_an_empty_fingerprint_is_that_of_what_was_written(tmp_path):
    panel = dirty_panel()
    outline = PanelOutline.of(replace(panel, card=replace(panel.card, fingerprint="")))
    with PanelWriter(tmp_path / "panel", outline) as writer:
        writer.write_sessions(0, *rows(panel, 0, 40))
    expected = content_fingerprint(panel.sessions, panel.assets, panel.fields, panel.status)
    assert open_panel(tmp_path / "panel").card.fingerprint == expected


def test_cells_that_were_not_written_are_named_and_nothing_is_published(tmp_path):
    panel = dirty_panel()
    with (
        pytest.raises(DataError, match=r"nothing for 1E5 on 2020-01-01"),
        PanelWriter(tmp_path / "panel", PanelOutline.of(panel)) as writer,
    ):
        writer.write_assets(0, *columns(panel, 0, 3))
    assert list(tmp_path.iterdir()) == []


def test_cells_that_contradict_their_status_are_never_published(tmp_path):
    panel = dirty_panel()
    fields, status, members = rows(panel, 0, 40)
    fields["close"] = np.where(status == 2, 1.0, fields["close"])
    with (
        pytest.raises(DataError, match=r"Cells without a trade must be NaN, but \['close'\]"),
        PanelWriter(tmp_path / "panel", PanelOutline.of(panel)) as writer,
    ):
        writer.write_sessions(0, fields, status, members)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda first, fields, status, members: (first + 38, fields, status, members),
        lambda first, fields, status, members: (-1, fields, status, members),
        lambda first, fields, status, members: (first, fields, status[:2], members),
        lambda first, fields, status, members: (first, fields, status, None),
        lambda first, fields, status, members: (first, fields | {"more": fields["close"]}, status, members),
        lambda first, fields, status, members: (first, {"close": fields["close"]}, status, members),
        lambda first, fields, status, members: (first, fields, status[:, :3], members),
        lambda first, fields, status, members: (first, fields, status[0], members),
    ],
)
def test_a_block_that_does_not_fit_is_refused(tmp_path, spoil):
    panel = dirty_panel()
    with (
        pytest.raises(DataError, match="expected the fields"),
        PanelWriter(tmp_path / "panel", PanelOutline.of(panel)) as writer,
    ):
        writer.write_sessions(*spoil(0, *rows(panel, 0, 4)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"assets": ("A", "A")}, "needs unique assets"),
        ({"fields": ("open",)}, r"a 'close' field, got fields \['open'\]"),
        ({"sessions": dirty_panel().sessions[::-1]}, "Sessions must be increasing"),
        ({"known_at": dirty_panel().known_at.tz_localize(None)}, "known_at"),
        ({"assets": ()}, "at least one session and one asset"),
    ],
)
def test_axes_that_contradict_themselves_are_refused_before_anything_is_written(tmp_path, wrong, words):
    with pytest.raises(DataError, match=words):
        PanelWriter(tmp_path / "panel", replace(PanelOutline.of(dirty_panel()), **wrong))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    panel = dirty_panel(n_sessions=4000)

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # writes fail as on a full disk

    code = (
        "import sys; from quantdl.market.storage.store import save_panel\n"
        "from tests.market.dirty_panels import dirty_panel\n"
        "from quantdl.errors import RunError\n"
        f"try: save_panel(dirty_panel({len(panel.sessions)}), sys.argv[1])\n"
        "except RunError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "panel")]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, preexec_fn=limit)
    assert "Free some space" in run.stdout, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(RunError, match="Not a directory|File exists"),
        PanelWriter(tmp_path / "file" / "panel", PanelOutline.of(dirty_panel())),
    ):
        pass
