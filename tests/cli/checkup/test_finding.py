"""What was found has a fix only where something is to be done."""

from quantdl.cli.checkup.finding import Finding


def test_what_is_well_needs_no_fix() -> None:
    assert Finding("runs", "ok", "there").fix == ""
