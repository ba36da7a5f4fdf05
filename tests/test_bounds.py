"""Bounds in types: pydantic reads them, and they say in a JSON schema what the words of an error are made of."""

import pytest
from pydantic import TypeAdapter, ValidationError

from quantdl.bounds import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
    ShareBelowOne,
    Text,
)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (PositiveInt, 1, 0),
        (NonNegativeInt, 0, -1),
        (PositiveFloat, 5e-324, 0.0),
        (NonNegativeFloat, 0.0, -5e-324),
        (Share, 1.0, 1.0000000000000002),
        (Share, 0.0, -5e-324),
        (ShareBelowOne, 0.9999999999999999, 1.0),
        (ShareBelowOne, 0.0, -5e-324),
        (Text, " ", ""),
    ],
)
def test_a_bound_is_sharp(kind, inside, outside):
    adapter = TypeAdapter(kind)
    assert adapter.validate_python(inside) == inside
    with pytest.raises(ValidationError, match="should be (greater|less) than|should have at least|at least 1 char"):
        adapter.validate_python(outside)


def test_a_bound_stands_in_the_json_schema():
    assert TypeAdapter(ShareBelowOne).json_schema() == {"minimum": 0, "exclusiveMaximum": 1, "type": "number"}
