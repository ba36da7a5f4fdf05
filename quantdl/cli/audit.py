"""An audit on the terminal, in plain English."""

from collections.abc import Iterator

import typer

from quantdl.audit.verdict import SAYS, AuditReport


def print_audit(report: AuditReport) -> None:
    """Print the verdict first, then what was found and how much was looked at.

    Args:
        report: Of the audit.
    """
    for line in _lines(report):
        typer.echo(line)


def _lines(report: AuditReport) -> Iterator[str]:
    yield f"{report.verdict}: {SAYS[report.verdict]}"
    yield from (f"  leak:      {leak.sentence()}" for leak in report.leaks)
    yield from (f"  reason:    {reason}" for reason in report.reasons)
    coverage = report.coverage
    yield f"  coverage:  {coverage.sentence()}"
    if coverage.silences_verified:
        yield f"             {coverage.silences_verified:,} sessions without a decision verified as well."
    ways = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(coverage.kinds.items()))
    yield f"  futures:   {ways}"
    yield from (f"  refused:   {refusal}" for refusal in coverage.refused)
    if report.self_test:
        seen = ", ".join(f"{stage} {'found' if found else 'MISSED'}" for stage, found in report.self_test.items())
        yield f"  self-test: a look one bar ahead, planted by the audit: {seen}"
    if coverage.never_known:
        yield f"  no value:  {', '.join(coverage.never_known)}: constant in the audited sessions, so nothing is shown"
    if coverage.rules_unused:
        yield f"  unused:    no decision under the rules {', '.join(coverage.rules_unused)}"
    yield from (f"  opened:    {name}, by the strategy itself" for name in report.files_read)
    for warned in report.warnings:
        yield f"  warning:   {warned.file}:{warned.line}: {warned.code}: {warned.reason}"
