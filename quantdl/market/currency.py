"""Currencies by their codes, and the units in which some exchanges quote a part of one. Light to import.

London quotes most shares in pence, Johannesburg in cents and Tel Aviv in agorot. ``"GBX"`` means that a price of 250 is
2.50 pounds; read as pounds, every figure of money would be a hundred times too large.
"""

from collections.abc import Iterator, Sequence

from quantdl.errors import did_you_mean

# ISO 4217, list one: currencies and funds in use, with the codes of precious metals and of the special drawing right.
_CURRENT = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
    "CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ "
    "GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL "
    "LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR "
    "PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD USN UYI UYU UZS VED VES VND VUV WST XAF XAG XAU XCD XCG XDR XOF XPD XPF XPT YER ZAR ZMW "
    "ZWG"
)
# ISO 4217, list three: withdrawn, and still the currency of old prices.
_HISTORIC = (
    "ANG ARA ATS AZM BEF BGL BRE BRR BYB BYR CSK CYP DDM DEM ECS EEK ESP FIM FRF GHC GRD HRK IEP ILR ITL LTL LUF LVL "
    "MRO MTL MXP MZM NLG PEI PLZ PTE ROL RUR SDD SIT SKK SLL SRG STD TMM TRL VEB VEF XEU YUM ZMK ZRN ZWD ZWL"
)
CURRENCIES = frozenset(f"{_CURRENT} {_HISTORIC}".split())
"""Codes of ISO 4217, current and withdrawn."""

MINOR_UNITS = {
    "GBX": ("GBP", 100),
    "GBp": ("GBP", 100),
    "ILA": ("ILS", 100),
    "KWF": ("KWD", 1000),
    "USX": ("USD", 100),
    "ZAC": ("ZAR", 100),
    "ZAc": ("ZAR", 100),
}
"""Units below a currency that prices are quoted in, as data vendors write them: their currency, and how many make 1."""

_TRADED_MOST = ("USD", "EUR", "JPY", "GBP", "CNY", "AUD", "CAD", "CHF", "HKD", "SEK")
_MEANT = {
    "$": "USD",
    "US$": "USD",
    "DOLLAR": "USD",
    "\u20ac": "EUR",
    "EURO": "EUR",
    "\u00a3": "GBP",
    "POUND": "GBP",
    "STERLING": "GBP",
    "P": "GBX",
    "PENCE": "GBX",
    "\u00a5": "JPY",
    "YEN": "JPY",
    "RMB": "CNY",
    "CNH": "CNY",
    "AGOROT": "ILA",
}


def is_currency(code: str) -> bool:
    """Return whether a code is a currency of ISO 4217, or a unit below one."""
    return code in CURRENCIES or code in MINOR_UNITS


def currency_faults(field: str, code: str | None, *, whole: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the fault of a field that should name a currency and does not.

    Args:
        field: Its name.
        code: What it holds; None is no fault.
        whole: Whether a unit below a currency is one: books and exchange rates are in pounds, never in pence.
    """
    if code is None or code in CURRENCIES or (is_currency(code) and not whole):
        return
    if code in MINOR_UNITS:
        currency, count = MINOR_UNITS[code]
        yield field, f"given {code!r}, a unit of which {count:,} make 1 {currency}; expected a currency: {currency!r}"
        return
    units = "" if whole else f", or a unit below one ({', '.join(MINOR_UNITS)})"
    yield field, f"given {code!r}; expected a code of ISO 4217 such as 'USD'{units}{_hint(code)}"


def _hint(code: str) -> str:
    word = code.strip().upper().removesuffix("S") if len(code) > 3 else code.strip().upper()
    near = _MEANT.get(word) or (word if word in CURRENCIES else None)
    if near == "GBP":
        return "; did you mean 'GBP' (pounds), or 'GBX' (pence)?"
    if near is None:  # among many codes of three letters one that is traded much was meant
        return did_you_mean(code, _TRADED_MOST) or did_you_mean(code, sorted(CURRENCIES))
    return f"; did you mean {near!r}?"


def whole_currency(code: str) -> tuple[str, int]:
    """Return the currency that a code stands for, and how many of its units make 1 of it.

    Example:
        >>> whole_currency("GBX"), whole_currency("GBP")
        (('GBP', 100), ('GBP', 1))
    """
    return MINOR_UNITS.get(code, (code, 1))


def in_a_list(codes: Sequence[str | None]) -> str:
    """Return the different codes in words, each once.

    Example:
        >>> in_a_list(("USD", "JPY", "USD")), in_a_list((None,))
        ('JPY and USD', 'not stated')
    """
    named = sorted({"not stated" if code is None else code for code in codes})
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
