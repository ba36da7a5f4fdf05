"""What a book must keep, and the naming of what collides."""

import numpy as np
import pytest

from quantdl.portfolio import InfeasibleError, TradingTerms
from quantdl.portfolio.constraints import book_constraints
from tests.portfolio.books import limits, terms

ALL = np.ones(4, dtype=bool)


def test_a_book_that_keeps_the_caps_keeps_the_rows_and_one_that_does_not_breaks_one():
    rows = book_constraints(limits(4, 0.4, 0.6, 2), ALL, 1.0, terms(4))
    inside, beyond = np.array([0.3, 0.2, 0.3, 0.2]), np.array([0.4, 0.1, 0.4, 0.1])
    assert (rows.matrix @ inside <= rows.most + 1e-12).all()
    broken = rows.matrix @ beyond > rows.most + 1e-12
    assert [rows.names[n] for n in rows.label[broken]] == ["max_group_gross 0.6 of g0"]


def test_only_what_collides_is_named():
    """A group of two assets and one of two: .3 each leaves no room for 1, whatever the caps on assets."""
    found = book_constraints(limits(4, 0.9, 0.3, 2), ALL, 1.0, terms(4)).colliding()
    assert found == ("max_group_gross 0.3 of g0", "max_group_gross 0.3 of g1", "the weights add to 1 (invested)")
    assert book_constraints(limits(4, 0.9, 0.5, 2), ALL, 1.0, terms(4)).colliding() == ()


def test_with_both_sides_gross_and_net_caps_count():
    bound = limits(4, 0.9, 1.5, 1, long_only=False, max_gross=1.5, max_net=0.6)
    with pytest.raises(InfeasibleError, match=r"max_net 0\.6.*add to 1"):
        book_constraints(bound, ALL, 1.0, terms(4))
    with pytest.raises(InfeasibleError, match=r"max_gross 1\.5.*add to 2"):
        book_constraints(bound, ALL, 2.0, terms(4))
    rows = book_constraints(bound, ALL, 0.5, terms(4)).with_row(np.array([1.0, -1, 0, 0]), -1.6, "a view")
    assert rows.colliding() == ("max_gross 1.5", "a view")


def test_what_must_be_sold_counts_as_turnover():
    held = TradingTerms(np.array([0.5, 0.2, 0.2, 0.1]), 0.0, 0.0, max_turnover=0.4)
    present = np.array([False, True, True, True])
    with pytest.raises(InfeasibleError, match=r"max_turnover 0\.4; holdings of 0\.5"):
        book_constraints(limits(4), present, 1.0, held)
    with pytest.raises(ValueError, match="not be negative"):
        book_constraints(limits(4), ALL, 1.0, TradingTerms(np.zeros(4), 0.0, 0.0, max_turnover=-1.0))
