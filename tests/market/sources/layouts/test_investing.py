"""Files of Investing.com."""

import numpy as np

FILE = """\
"Date","Price","Open","High","Low","Vol.","Change %"
"01/04/2024","1,010.00","1,020.00","1,040.00","1,000.00","900.00K","-1.05%"
"01/03/2024","1,020.75","1,010.00","1,060.00","990.00","1.10M","2.08%"
"01/02/2024","1,000.00","1,000.00","1,050.50","950.25","1.00M","0.00%"
"""


def test_its_files_are_read_as_the_plain_form_and_refused_without_the_layout(same_as_plain):
    same_as_plain(FILE, "investing")


def test_other_editions_state_what_is_other_beside_the_layout(load):
    text = '"Date","Price","Open","High","Low","Vol.","Change %"\n"02.01.2024","1.010,5","1","2","1","-","0,00%"\n'
    stated = {"date_format": "%d.%m.%Y", "decimal": ",", "thousands": "."}
    panel = load(text, layout="investing", **stated)
    assert panel.closes.tolist() == [[1010.5]] and panel.sessions[0].month == 1
    assert np.isnan(panel.fields["volume"]).all()
