"""What `quantdl report` writes: pages, the same as PDF, and the tables behind them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from quantdl.errors import ConfigError
from quantdl.runs.manifest import RunFolder


def written(
    runs: Sequence[RunFolder],
    output: Path | None = None,
    csv: Path | None = None,
    excel: Path | None = None,
    *,
    as_pdf: bool = False,
) -> Iterator[Path]:
    """Write what is asked for and yield the path of each, as soon as it is there.

    Tables are those of one run, or of an evaluation; the page is the report of one run, or the comparison of several.
    What this machine lacks a program or a package for is refused when everything else is written.

    Args:
        runs: One or more.
        output: The HTML file; None for one in the working folder, called after the run, which is written unless tables
            alone are asked for.
        csv: Folder to make of the tables; None writes no CSV.
        excel: Workbook to write of the tables; None writes none.
        as_pdf: Whether a PDF of the page is printed beside it.

    Raises:
        ConfigError: Before anything is written: if tables of several runs are asked for, the folder exists, or the file
            cannot be one of Excel. At the end: if there is no browser to print with, or XlsxWriter is not installed.
        RunError: If a file of a run is missing or not readable, the disk refuses or the browser fails.
        IntegrityError: If a file is not what was written.
    """
    _refuse_tables(runs, csv, excel)
    from quantdl.report.pdf import ENDING, find_browser, write_pdf
    from quantdl.results.exports import exported_tables, write_csv_folder
    from quantdl.results.spreadsheets import check_installed, write_workbook

    lacking: list[str] = []
    if csv is not None:
        yield write_csv_folder(exported_tables(runs[0]), csv)
    if excel is not None:
        try:
            check_installed(excel)
        except ConfigError as error:
            lacking.append(str(error))
        else:
            yield write_workbook(exported_tables(runs[0]), excel)
    if output is not None or as_pdf or (csv is None and excel is None):
        page = _write_page(runs, output)
        yield page
        if as_pdf:
            try:
                browser = find_browser()
            except ConfigError as error:
                lacking.append(str(error))
            else:
                yield write_pdf(page, page.with_suffix(ENDING), browser)
    if lacking:
        raise ConfigError("\n".join(lacking))


def _refuse_tables(runs: Sequence[RunFolder], csv: Path | None, excel: Path | None) -> None:
    """Refuse places for tables that cannot be.

    Raises:
        ConfigError: If there are several runs, the folder exists, or the file cannot be one of Excel.
    """
    if csv is None and excel is None:
        return
    if len(runs) > 1:
        raise ConfigError(f"--csv and --excel: write the tables of one run, got {len(runs)} runs. Name one of them.")
    if csv is not None and csv.exists():
        raise ConfigError(f"--csv {csv}: exists already; name a folder that does not.")
    from quantdl.results.spreadsheets import check_name

    if excel is not None:
        check_name(excel)


def _write_page(runs: Sequence[RunFolder], output: Path | None) -> Path:
    """Write the report of one run, or the comparison of several."""
    from quantdl.report import write_comparison, write_report

    if len(runs) == 1:
        return write_report(runs[0], output or Path(f"{runs[0].path.name}.html"))
    from quantdl.experiment.comparing import compare_all

    return write_comparison(runs, output or Path("comparison.html"), compare_all(runs))
