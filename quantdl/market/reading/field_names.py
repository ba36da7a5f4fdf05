"""Column names that are words of fields, alone (``Volume``) or joined to a symbol (``Close_MSFT``)."""

import re
from collections.abc import Sequence
from itertools import product

CLOSES = ("close", "adj close")
# What stands in the place of a close under another name. Which price it is, only the source can say.
LIKE_CLOSES = (
    *("close price", "closing price", "close/last", "last", "last price", "last sale", "px last", "price"),
    *("settle", "settle price", "settlement", "settlement price"),
)
_WORDS = frozenset(
    (
        *CLOSES,
        *LIKE_CLOSES,
        *("open", "high", "low", "volume", "adj open", "adj high", "adj low", "adj volume", "status"),
        *("open price", "high price", "low price", "previous close", "prev close", "px open", "px high", "px low"),
        *("vol", "px volume", "turnover", "open interest", "openint", "vwap", "trades", "market cap"),
        *("bid", "ask", "mid", "bid price", "ask price", "bid size", "ask size", "change", "chg", "pct change"),
        *("change %", "change%", "% change", "%change", "chg %", "chg%", "% chg"),
        *("dividend", "dividends", "stock splits", "split", "splits", "capital gains"),
        *("closing", "amount", "average", "adj factor", "return", "returns", "log return", "log returns"),
        *("weekday", "day of week", "year", "month", "quarter", "week"),
    )
)
_SPELLINGS = {"adjclose": "adj close", "adjusted close": "adj close", "openinterest": "open interest"}
# Words of fields that exchanges use as tickers: LOW is Lowe's, OPEN Opendoor, BID was Sotheby's, CHG CH Energy.
_ALSO_TICKERS = frozenset(("open", "high", "low", "last", "bid", "ask", "mid", "chg", "vol"))
# What stands behind a word: a unit in brackets, as in ``Close (USD)``, a mark of a footnote, as in ``Close*``.
_BEHIND = re.compile(r"(\s*[(\[][^)\]]*[)\]]|\s*[*\u2020]+)+$")
_ROW_NUMBERS = re.compile(r"unnamed: \d+")  # what pandas.read_csv calls a column without a name
_LETTERS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_SEPARATORS = ("_", " ", ".", "-", "|", "/", ":")
_PAIR = re.compile(r"""\(\s*(['"])(.*)\1\s*,\s*(['"])(.*)\3\s*\)""")
_TICKER = re.compile(r"[A-Z0-9^]([A-Z0-9^=.-]*[A-Z0-9])?")
_JOINED = (
    re.compile(rf"(Open|High|Low|Close|AdjClose|Volume)({_TICKER.pattern})"),
    re.compile(rf"({_TICKER.pattern})(Open|High|Low|Close|AdjClose|Volume)"),
)

Pair = tuple[str, str]
"""A field and a symbol."""


def field_word(name: str) -> str | None:
    """Return the field that a name is a word of, in one spelling; None for any other name.

    Example:
        >>> field_word("Adj_Close"), field_word("<VOL>"), field_word("MSFT")
        ('adj close', 'vol', None)
    """
    plain = name.strip().strip("<>")
    word = " ".join(re.split(r"[\s_]+", (_BEHIND.sub("", plain) or plain).lower())).removesuffix(".")
    word = _SPELLINGS.get(word, word).replace("adjusted ", "adj ").replace("adj. ", "adj ")
    return word if word in _WORDS or _ROW_NUMBERS.fullmatch(word) else None


def unpaired(name: str) -> str:
    """Return ``Date`` for ``('Date', '')``, which is how a column without a symbol is written, and any other name."""
    pair = _PAIR.fullmatch(name.strip())
    return pair[2] if pair is not None and not pair[4].strip() else name


def field_pairs(names: Sequence[str]) -> list[Pair] | None:
    """Return a field and a symbol for each name, where all names are certainly both.

    Certain is: all names have one separator and one order, ``Close_MSFT``, ``MSFT.Close`` or ``('Close', 'MSFT')``;
    every first (or last) part is a word of a field; every symbol has a close; nothing stands twice; and no other
    separator or order gives other symbols.

    Example:
        >>> field_pairs(["Close_LOW", "Volume_LOW"]), field_pairs(["LOW.L", "VOD.L"])
        ([('close', 'LOW'), ('volume', 'LOW')], None)
    """
    ways = [pairs for pairs in _ways(names) if _is_complete(pairs)]
    return ways[0] if ways and all(pairs == ways[0] for pairs in ways) else None


def may_be_ticker(name: str) -> bool:
    """Return whether a name is a word of a field that exchanges use as a ticker too, written as tickers are."""
    return field_word(name) in _ALSO_TICKERS and name.strip().isupper()


def names_of_fields(names: Sequence[str]) -> list[str]:
    """Return the names, of those beside the dates of a wide table, that cannot be taken for symbols.

    A word of a field is no symbol, with one exception: a word that exchanges use as a ticker (LOW, OPEN, BID, ...) is
    one if it is written in capitals, stands beside names that are no words of fields, and not both HIGH and LOW are
    there. Neither is a name that joins a word of a field to a symbol, where all names do so, or where the word is no
    ticker, or where the symbol is the name of another column. Where o, h, l and c all stand, they are fields.
    """
    words = {name: _LETTERS.get(name.lower()) if _are_bars(name, names) else field_word(name) for name in names}
    lone = set(words.values()) <= _WORDS or {"high", "low"} <= set(words.values())
    return [
        name
        for name, word in words.items()
        if (word is not None and (lone or not may_be_ticker(name))) or (word is None and _joins(name, names))
    ]


def _are_bars(name: str, names: Sequence[str]) -> bool:
    """Return whether names are the letters of one asset's bars: all four, and in capitals, tickers each, no others."""
    here = set(names) if name.islower() else {other.lower() for other in names if other.isupper()}
    whole = {"o", "h", "l", "c"} <= here
    return (
        name.lower() in _LETTERS and whole and (name.islower() or {other.lower() for other in names} <= set(_LETTERS))
    )


def _ways(names: Sequence[str]) -> list[list[Pair]]:
    """Return the pairs that each separator and order gives, where it gives one for every name."""
    found = []
    for separator, field_first in product((*_SEPARATORS, "", "pair"), (True, False)):
        pairs = [_split(name, separator, field_first) for name in names]
        whole = [pair for pair in pairs if pair is not None]
        if names and len(whole) == len(pairs):
            found.append(whole)
    return found


def _split(name: str, separator: str, field_first: bool) -> Pair | None:
    if separator == "pair":
        match = _PAIR.fullmatch(name.strip())
        parts = [] if match is None else [match[2], match[4]]
    elif separator == "":
        match = _JOINED[not field_first].fullmatch(name.strip())
        parts = [] if match is None else [match[1], match[2] if field_first else match[3]]
    else:
        return _split_at(name.strip().split(separator), separator, field_first)
    if not parts:
        return None
    field, symbol = parts if field_first else parts[::-1]
    word = field_word(field)
    return None if word is None or not symbol.strip() else (word, symbol)


def _split_at(parts: Sequence[str], separator: str, field_first: bool) -> Pair | None:
    """Return the pair with the longest word of a field: ``Adj_Close_MSFT`` is an adjusted close."""
    for length in range(len(parts) - 1, 0, -1):
        field = parts[:length] if field_first else parts[-length:]
        symbol = separator.join(parts[length:] if field_first else parts[:-length])
        word = field_word(separator.join(field))
        if word is not None and symbol.strip():
            return word, symbol.strip()
    return None


def _is_complete(pairs: Sequence[Pair]) -> bool:
    closes = {symbol for field, symbol in pairs if field in CLOSES}
    return len(set(pairs)) == len(pairs) and {symbol for _, symbol in pairs} <= closes


def _joins(name: str, names: Sequence[str]) -> bool:
    """Return whether a name is a word of a field and a symbol rather than a symbol."""
    for separator, field_first in product((*_SEPARATORS, "pair"), (True, False)):
        pair = _split(name, separator, field_first)
        if pair is None or (separator == " " and not _TICKER.fullmatch(pair[1])):
            continue  # T. Rowe Price and Open Text are companies
        if pair[0] not in _ALSO_TICKERS or pair[1] in names:
            return True
        if all(_split(other, separator, field_first) for other in names):
            return True
    return False
