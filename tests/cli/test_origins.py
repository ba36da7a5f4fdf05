"""What ``-v`` says of files, data and fits."""

from quantdl.cli.origins import say_what_is_read, say_what_was_used
from quantdl.config import load_config


def test_every_file_that_is_read_is_named(tmp_path, write_small, capsys):
    say_what_is_read(load_config(write_small(tmp_path)))
    output, errors = capsys.readouterr()
    assert output == ""
    lines = errors.splitlines()
    assert lines[0] == f"read: config {tmp_path / 'small.yaml'}"
    assert lines[1].startswith("read: strategy ") and lines[1].endswith("least_shortfall.py")
    assert lines[2] == "read: prices sp500, bundled"


def test_data_and_the_end_of_each_fit_are_said(capsys):
    say_what_was_used({"declaration": {"source": "a test"}, "fingerprint": "sha256:0"}, ("2018-12-31", "2019-12-31"))
    say_what_was_used({}, ())
    assert capsys.readouterr().err.splitlines() == [
        "data: a test, fingerprint sha256:0",
        "fitted through: 2018-12-31, 2019-12-31",
        "data: None, fingerprint None",
        "fitted: nothing, there is no model",
    ]
