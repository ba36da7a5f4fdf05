"""Finds and reads the parts of a section of the report."""

from quantdl.report.document import Table


def table(section, caption):
    """Return the first table whose caption begins so."""
    return next(part for part in section.parts if isinstance(part, Table) and part.caption.startswith(caption))


def words(section):
    """Return the texts of the paragraphs, in their order."""
    return [part.text for part in section.parts if part.kind == "words"]


def chart(section, name):
    """Return the chart of an id."""
    return next(part for part in section.parts if part.kind == "chart" and part.name == name)


def column(found, position):
    return [row.cells[position].text for row in found.rows if not row.heading]


def by_label(found):
    return {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in found.rows if not row.heading}


def number(text):
    """Read a figure as the report writes it."""
    return float(text.replace(",", "").replace("\u2212", "-"))
