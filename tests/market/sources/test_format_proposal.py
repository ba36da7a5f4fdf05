"""What is proposed for a file that is no plain one reads it; what cannot be told apart is not proposed."""

import pytest

from quantdl.market.sources.format_proposal import proposal

ROWS = "2024-01-02,10,10.5,9.5,10,1000\n2024-01-03,10.1,10.6,9.9,10.2,1100\n"
HEADER = "date,open,high,low,close,volume\n"


def european(text):
    return text.replace(",", ";").replace(".", ",")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"# downloaded\n{HEADER}{ROWS}", "state skip_rows: 1, which reads it"),
        (f"ABC daily\n\n{HEADER}{ROWS}", "state skip_rows: 2, which reads it"),
        (european(HEADER + ROWS), "state separator: ';', decimal: ',', which reads it"),
        (f"# x\n{european(HEADER + ROWS)}", "state skip_rows: 1, separator: ';', decimal: ',', which reads it"),
        ((HEADER + ROWS).replace(",", "\t"), 'state separator: "\\t", which reads it'),
        (
            f'{HEADER}2024-01-02,"1,010.0","1,010.5","1,009.5","1,010.0","1,000"\n',
            "state thousands: ',', which reads it",
        ),
        (f"{HEADER}2024-01-02;x\n", ""),
        ("nothing of the kind", ""),
    ],
)
def test_what_reads_the_file_is_proposed(declaration, text, expected):
    found = proposal(text, declaration, "ABC")
    assert ("" if found is None else str(found)) == expected


def test_commas_that_may_be_decimals_or_thousands_are_left_to_the_user(declaration):
    text = 'date,close\n2024-01-02,"1,234"\n2024-01-03,"1,235"\n'
    assert proposal(text, declaration, "ABC") is None
