"""`quantdl risk`: what it prints and writes, and how it refuses what a user can get wrong."""

from dataclasses import replace
from datetime import date

import pytest

from quantdl.cli.risk import bought, print_book_risk, write_book_risk
from quantdl.errors import ConfigError
from quantdl.risk.stress.record import StressReport, StressRow
from tests.book_risk_record import NO_COMPONENTS, by_hand, without_components
from tests.small_experiment import ROOT


def test_trades_are_read_and_wrong_ones_refused():
    assert bought(["A=B=5"]) == {"A=B": 5.0}
    for wrong in (["=5"], ["A=nan"], ["A=1", "A=2"]):
        with pytest.raises(ConfigError, match="expected ASSET=MONEY"):
            bought(wrong)


def test_what_is_undefined_is_printed_with_its_reason(capsys):
    print_book_risk(by_hand())
    printed = capsys.readouterr().out
    assert "undefined: level 0.99 needs at least" in printed
    assert "days to liquidate: undefined: no volume is known of 007" in printed


def test_components_that_are_undefined_are_printed_with_their_reason_once(capsys):
    print_book_risk(by_hand())
    assert "what adds to value at risk" not in capsys.readouterr().out
    print_book_risk(without_components(by_hand()))
    assert capsys.readouterr().out.count(f"what adds to value at risk: undefined: {NO_COMPONENTS}") == 1


def test_a_taken_folder_is_left_as_it_is(tmp_path):
    from quantdl.disk import AlreadyStoredError

    write_book_risk(by_hand(), tmp_path / "out")
    before = (tmp_path / "out/levels.csv").read_bytes()
    with pytest.raises(AlreadyStoredError):
        write_book_risk(by_hand(), tmp_path / "out")
    assert (tmp_path / "out/levels.csv").read_bytes() == before


def test_the_shipped_book_can_be_read():
    from quantdl.risk.book.positions import read_positions

    assert len(read_positions(ROOT / "data/books/example.csv").positions) == 10


def test_figures_have_two_decimals_as_in_the_report_and_none_is_written_as_zero(capsys):
    """A probability keeps two digits that count: of the likeliest way to a large loss it is far below 0.0001."""
    rows = (StressRow("way out", "reverse", "law", 0.2, error=0.00123, probability=1.3e-6),)
    record = by_hand()
    first = replace(record.figures.levels[0], value_at_risk=0.019933, value_at_risk_error=0.0000421)
    figures = replace(record.figures, levels=(first, *record.figures.levels[1:]))
    print_book_risk(replace(record, figures=figures, stress=StressReport(date(2020, 1, 2), 1.0, 1.0, 2, rows=rows)))
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert any("97.5% 1.99 0.004 3.00 0.02" in line for line in shown)
    assert "way out 20.00 0.12 1.3e-06" in shown
