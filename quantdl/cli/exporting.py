"""What `quantdl report` writes: pages, the same as PDF, and the tables behind them."""

from collections.abc import Sequence
from pathlib import Path

from quantdl.errors import ConfigError
from quantdl.runs.manifest import RunFolder


def write_exports(runs: Sequence[RunFolder], csv: Path | None, excel: Path | None) -> tuple[Path, ...]:
    """Write the tables of a run, or of an evaluation, as CSV files, as a workbook, or both; return what was written.

    Args:
        runs: The one to take them from.
        csv: Folder to make; None writes no CSV.
        excel: Workbook to write; None writes none.

    Raises:
        ConfigError: If there are several runs, the folder exists, or the file cannot be one of Excel.
        RunError: If a table is not readable, or the disk refuses.
        IntegrityError: If a file is not what was written.
    """
    if csv is None and excel is None:
        return ()
    if len(runs) > 1:
        raise ConfigError(f"--csv and --excel: write the tables of one run, got {len(runs)} runs. Name one of them.")
    if csv is not None and csv.exists():
        raise ConfigError(f"--csv {csv}: exists already; name a folder that does not.")
    from quantdl.results.exports import exported_tables, write_csv_folder
    from quantdl.results.spreadsheets import check_workbook, write_workbook

    if excel is not None:
        check_workbook(excel)  # before the CSV files are written
    folders = () if csv is None else (write_csv_folder(exported_tables(runs[0]), csv),)
    files = () if excel is None else (write_workbook(exported_tables(runs[0]), excel),)
    return (*folders, *files)


def write_page(runs: Sequence[RunFolder], output: Path | None, *, as_pdf: bool) -> tuple[Path, ...]:
    """Write the report of one run, or the comparison of several, and print it if asked; return what was written.

    Args:
        runs: One or more.
        output: The HTML file; None for one in the working folder, called after the run.
        as_pdf: Whether a PDF is printed beside it.

    Raises:
        ConfigError: If there is no browser to print with, before anything is written.
        RunError: If a run lacks a file, the disk refuses or the browser fails.
        IntegrityError: If a file is not what was written.
    """
    from quantdl.report import write_comparison, write_report
    from quantdl.report.pdf import ENDING, find_browser, write_pdf

    browser = find_browser() if as_pdf else ""
    if len(runs) == 1:
        page = write_report(runs[0], output or Path(f"{runs[0].path.name}.html"))
    else:
        from quantdl.experiment.comparing import compare_all

        page = write_comparison(runs, output or Path("comparison.html"), compare_all(runs))
    return (page, write_pdf(page, page.with_suffix(ENDING), browser)) if as_pdf else (page,)
