"""The verdict says why, and the checklist shows each item with its evidence."""

from quantdl.backtest.judging.checklist import Checklist, ChecklistItem
from quantdl.backtest.plan.evidence import ReportRow
from quantdl.backtest.plan.items import ITEMS
from quantdl.report import html, provenance, write_report
from quantdl.report.formatting import capitalized
from quantdl.report.html import HEAD, build_report
from quantdl.report.verdict import checklist, row_of, thesis, verdict
from quantdl.results.run_record import read_run


def item(name, passed, cause=""):
    return ChecklistItem(name, passed, "promised", "measured", cause)


def judged(stated, *items):
    return verdict(Checklist(stated, items))


def test_a_failed_run_names_every_failure_and_only_failures():
    found = judged(
        "not defended",
        item("sizing", False, "lost 7 %"),
        item("horizon", True),
        item("friction", None, "waived"),
        item("rules", False, "untagged"),
    )
    assert found.title == "Not defended"
    assert found.reason == "2 checks of 4 failed, 1 could not be decided: the claim does not stand on this run."
    assert found.causes == ("Sizing: lost 7 %", "Rules: untagged")


def test_a_run_of_relative_evidence_names_what_limits_it():
    found = judged("relative evidence only", item("trusted_data", None, "survivors"), item("rules", True))
    assert found.title == "Relative evidence only"
    assert found.causes == ("Trusted data: survivors",)


def test_a_defended_run_has_no_causes():
    found = judged("defended", item("sizing", True), item("rules", True))
    assert (found.title, found.causes) == ("Defended", ())
    assert "Each of the 2 checks" in found.reason


def test_verdicts_differ_in_sign_and_words_not_in_color_alone():
    found = [judged(stated) for stated in ("defended", "relative evidence only", "not defended")]
    assert len({one.sign for one in found}) == len({one.title for one in found}) == 3


def test_every_item_of_the_plan_is_shown_with_a_section_of_the_report(files, write):
    run = read_run(write(files))
    apart = (provenance.selection_section(run), provenance.environment_section(run))
    entries = (*HEAD, *html.entries(build_report(run).sections), *html.entries(apart, apart=True))
    titles = {entry.name: entry.contents for entry in entries}
    for item_of_plan in ITEMS:
        row = row_of(item_of_plan.name)
        assert titles[row.section] == row.section_title, item_of_plan.name
        assert item_of_plan.name == "hypothesis" or row.section != "figures", item_of_plan.name


def test_an_item_of_another_version_is_shown_with_the_key_figures():
    assert row_of("moon_phase") == ReportRow("Moon phase", "figures", "Key figures")


def test_the_checklist_keeps_every_row_in_its_order(files, write):
    run = read_run(write(files))
    rows = checklist(run.checklist).rows
    recorded = files.records["checklist.json"]["items"]
    assert [row.statement.lower() for row in rows] == [one["statement"].lower() for one in recorded]
    assert {row.status for row in rows} == {"\u2713 Pass", "\u2717 Fail", "? Undecided"}
    assert checklist(run.checklist).lead.startswith("10 of 13 hold, 1 failed, 2 undecided.")


def test_a_passed_row_shows_no_cause():
    (row,) = checklist(Checklist("defended", (item("sizing", True, "nothing"),))).rows
    assert (row.figure, row.cause) == ("Measured", "")


def test_a_failed_row_says_its_figure_once_and_its_cause_once(files, write, tmp_path):
    """The cause says what broke without the figure beside it; both come from the item's own file."""
    text = write_report(write(files), tmp_path / "report.html").read_text(encoding="utf-8")
    failed = next(one for one in files.records["checklist.json"]["items"] if one["passed"] is False)
    body = text.split('id="checklist"')[1].split("</section>")[0]
    assert body.count("78 exceptions") == 1
    assert body.count(capitalized(failed["cause"])) == 1
    assert failed["figure"] not in failed["cause"] and failed["cause"] not in failed["figure"]


def test_the_hypothesis_is_quoted_with_its_author_and_what_would_refute_it(files, write):
    found = thesis(read_run(write(files)).setup.plan)
    plan = files.records["config.json"]["plan"]
    assert found.hypothesis == plan["hypothesis"]["statement"]
    assert found.author == plan["documentation"]["author"]
    assert dict(found.about)["Refuted by"] == plan["hypothesis"]["refuted_by"]
    assert dict(found.about)["Rival: trend"] == plan["hypothesis"]["other_explanations"]["trend"]
