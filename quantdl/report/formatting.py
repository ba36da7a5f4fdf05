"""Turns values into the words and figures a reader sees: one rule per unit, the same everywhere in the report.

Figures keep a fixed number of decimals per unit so that a column lines up, the minus sign is U+2212 (as wide as a
plus), thousands are grouped with a comma, and a value that is not defined is said in words, never left blank.
"""

import math
import re
from dataclasses import dataclass, replace

from quantdl.percents import stated as stated  # as the checklist writes them
from quantdl.shown import telling_decimals

MINUS = "\u2212"


@dataclass(frozen=True)
class Unit:
    """How a kind of quantity is written.

    Attributes:
        label: Shown in brackets behind a column or row label; empty for pure numbers.
        scale: The stored value is multiplied by it, for example 100 for a fraction shown in percent.
        digits: Decimals shown; None for four significant digits.
        suffix: Appended where no bracketed label stands nearby, for example in a headline figure.
        shows_sign: Whether a figure that so many decimals would write as zero gets as many as show that it is not.
    """

    label: str
    scale: float = 1.0
    digits: int | None = 2
    suffix: str = ""
    shows_sign: bool = False


PERCENT = Unit("%", 100.0, 2, "%")
RATIO = Unit("", 1.0, 2)
SMALL_PERCENT = Unit("%", 100.0, 2, "%", shows_sign=True)
"""Errors and parts of a risk."""
RATIO_END = Unit("", 1.0, 2, shows_sign=True)
"""The end of an interval of a ratio: what matters is whether zero is inside."""
SCORE = Unit("nats", 1.0, 4, " nats")
RETURN_SCORE = Unit("bp of return", 1e4, 2, " bp")
MONEY = Unit("account currency", 1.0, 0)
"""Money whose currency is not stated; see `money_in`."""
COUNT = Unit("", 1.0, 0)
BARS = Unit("bars", 1.0, 0, " bars")
BPS = Unit("bp", 1.0, 1)
TIMES_EQUITY = Unit("times equity", 1.0, 2)
SMALL_RATIO = Unit("", 1.0, 4)
ONE_DIGIT = Unit("", 1.0, 1)
STATISTIC = Unit("", 1.0, 3)
PROBABILITY = Unit("", 1.0, 3)
PLAIN = Unit("", 1.0, None)


def money_in(currency: str | None) -> Unit:
    """Return the unit of money in a currency, labelled by its code where it is stated.

    Example:
        >>> with_unit("Profit", money_in("JPY")), with_unit("Profit", money_in(None))
        ('Profit [JPY]', 'Profit [account currency]')
    """
    return MONEY if currency is None else Unit(currency, MONEY.scale, MONEY.digits)


def figure(value: float, unit: Unit) -> str:
    """Write a finite number in its unit, without the unit's name.

    Example:
        >>> figure(-0.1234, PERCENT), figure(-1e-9, PERCENT), figure(1234567.8, MONEY), figure(0.00031416, PLAIN)
        ('−12.34', '0.00', '1,234,568', '0.0003142')
        >>> figure(-0.0031, RATIO), figure(-0.0031, RATIO_END)
        ('0.00', '−0.003')
    """
    if not math.isfinite(value):
        return "not finite"
    if unit.digits is None:
        return f"{value * unit.scale:.4g}".replace("-", MINUS, 1)
    scaled = value * unit.scale
    digits = telling_decimals(scaled, unit.digits) if unit.shows_sign else unit.digits
    rounded = round(scaled, digits)
    text = f"{abs(rounded):,.{digits}f}"
    return f"{MINUS}{text}" if rounded < 0 else text


def headline(value: float, unit: Unit) -> str:
    """Write a number that stands alone, with its unit behind it.

    Example:
        >>> headline(0.0712, PERCENT)
        '7.12%'
    """
    return f"{figure(value, unit)}{unit.suffix}"


def interval(lower: float, upper: float, unit: Unit) -> str:
    """Write an interval, so that it shows of an end near zero on which side of it it lies.

    Example:
        >>> interval(-0.0031, 2.08, RATIO), interval(-0.00002, 0.1, PERCENT)
        ('−0.003 to 2.08', '−0.002% to 10.00%')
    """
    ends = replace(unit, shows_sign=True)
    return f"{headline(lower, ends)} to {headline(upper, ends)}"


def level_figure(fraction: float) -> str:
    """Write a level as the figure of a column in percent.

    Example:
        >>> level_figure(0.9), level_figure(0.975)
        ('90', '97.5')
    """
    return f"{100 * fraction:g}"


def points_above(value: float, limit: float) -> str | None:
    """Write by how many percentage points a fraction lies above its limit; None where it does not, rounding aside.

    Example:
        >>> points_above(0.412, 0.4), points_above(0.4, 0.4)
        ('1.20', None)
    """
    return None if value <= limit * (1 + 1e-9) else figure(value - limit, PERCENT)


def p_value(value: float) -> str:
    """Write a p-value; below one in a thousand its decimals are noise.

    Example:
        >>> p_value(0.00004), p_value(0.0421)
        ('< 0.001', '0.042')
    """
    return "< 0.001" if value < 0.001 else figure(value, PROBABILITY)


def in_words(key: str) -> str:
    """Turn a field name into a label.

    Example:
        >>> in_words("max_drawdown"), in_words("stale_year")
        ('Max drawdown', 'Stale year')
    """
    words = re.sub(r"[_\s]+", " ", key).strip()
    return words[:1].upper() + words[1:]


def with_minus(text: str) -> str:
    """Write the minus of figures inside a text as wide as a plus; dates and names keep their hyphens.

    Example:
        >>> with_minus("worst trade -3.72% on 2020-03-16")
        'worst trade −3.72% on 2020-03-16'
    """
    return re.sub(r"(?<![\w-])-(?=\d)", MINUS, text)


def capitalized(sentence: str) -> str:
    """Begin a sentence with a capital, unless its first word is a name with signs of its own.

    Example:
        >>> capitalized("no group above 0.4"), capitalized("plan:stop_loss: 2 orders")
        ('No group above 0.4', 'plan:stop_loss: 2 orders')
    """
    first = sentence.partition(" ")[0].rstrip(",.;:")
    return sentence[:1].upper() + sentence[1:] if first.isalpha() else sentence


def with_unit(label: str, unit: Unit) -> str:
    """Put the unit in brackets behind a label.

    Example:
        >>> with_unit("Volatility", PERCENT), with_unit("Sharpe ratio", RATIO)
        ('Volatility [%]', 'Sharpe ratio')
    """
    return f"{label} [{unit.label}]" if unit.label else label


def counted(n: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun.

    Example:
        >>> counted(1, "trade"), counted(1200, "trade"), counted(2, "loss", "losses")
        ('1 trade', '1,200 trades', '2 losses')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def plainly(value: object) -> str:
    """Write any JSON value on one line, in words where JSON has symbols.

    Example:
        >>> plainly(True), plainly(None), plainly(["a", 1]), plainly(0.25)
        ('yes', 'none', 'a, 1', '0.25')
    """
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return (f"{value:,}" if abs(value) >= 10_000 else str(value)).replace("-", MINUS)
        case float():
            return f"{value:.6g}".replace("-", MINUS, 1) if value < 0 else f"{value:.6g}"
        case list() | tuple():
            return ", ".join(plainly(item) for item in value) if value else "none"
        case dict():
            return "; ".join(f"{key}: {plainly(item)}" for key, item in value.items()) if value else "none"
    return str(value)
