"""The second sources that the calendar tables are compared with: who else says on which days an exchange trades.

None of them shares its lists with exchange_calendars. Each is asked only for the years that it covers, and only up to
the day of its release: later days are projections there as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cn_stock_holidays
import holidays
import nse_calendar
import pandas as pd
import pandas_market_calendars as market_calendars
import QuantLib as ql

_FIRST = pd.Timestamp("1990-01-01")
# Releases by the month in which the Python Package Index lists them, read as the first day of it.
_RELEASED = {
    "QuantLib": ("1.44", "2026-10-01"),
    "holidays": ("0.109", "2026-11-01"),
    "pandas_market_calendars": ("5.5.0", "2026-10-05"),
    "cn-stock-holidays": ("2.1.6", "2026-04-01"),
    "nse-trading-calendar": ("0.1.6", "2026-01-01"),
}

# QuantLib's calendars of stock exchanges, with the first year of their lists where its documentation states one;
# calendars of settlement days or of banks are not among them (Budapest, Buenos Aires, Prague, Vienna).
_QUANTLIB = {
    "XASX": (ql.Australia(ql.Australia.ASX), 1990),
    "BVMF": (ql.Brazil(ql.Brazil.Exchange), 1990),
    "XTSE": (ql.Canada(ql.Canada.TSX), 1990),
    "XSGO": (ql.Chile(ql.Chile.SSE), 1990),
    "XSHG": (ql.China(ql.China.SSE), 2004),
    "XCSE": (ql.Denmark(), 1990),
    "XHEL": (ql.Finland(), 1990),
    "XPAR": (ql.France(ql.France.Exchange), 1990),
    "XFRA": (ql.Germany(ql.Germany.FrankfurtStockExchange), 1990),
    "XETR": (ql.Germany(ql.Germany.Xetra), 1990),
    "XEUR": (ql.Germany(ql.Germany.Eurex), 1990),
    "XHKG": (ql.HongKong(ql.HongKong.HKEx), 2004),
    "XICE": (ql.Iceland(ql.Iceland.ICEX), 1990),
    "XBOM": (ql.India(ql.India.NSE), 2005),
    "XIDX": (ql.Indonesia(ql.Indonesia.BEJ), 2005),
    "XTAE": (ql.Israel(ql.Israel.TASE), 2013),
    "XMIL": (ql.Italy(ql.Italy.Exchange), 1990),
    "XTKS": (ql.Japan(), 1990),
    "XMEX": (ql.Mexico(ql.Mexico.BMV), 1990),
    "XNZE": (ql.NewZealand(), 1990),
    "XOSL": (ql.Norway(), 1990),
    "XBSE": (ql.Romania(ql.Romania.BVB), 2014),
    "XMOS": (ql.Russia(ql.Russia.MOEX), 2012),
    "XSAU": (ql.SaudiArabia(ql.SaudiArabia.Tadawul), 2021),
    "XSES": (ql.Singapore(ql.Singapore.SGX), 2004),
    "XBRA": (ql.Slovakia(ql.Slovakia.BSSE), 1990),
    "XJSE": (ql.SouthAfrica(), 1990),
    "XKRX": (ql.SouthKorea(ql.SouthKorea.KRX), 2004),
    "XSTO": (ql.Sweden(), 1990),
    "XSWX": (ql.Switzerland(), 1990),
    "XTAI": (ql.Taiwan(ql.Taiwan.TSEC), 2002),
    "XBKK": (ql.Thailand(), 2002),
    "XIST": (ql.Turkey(), 2004),
    "XLON": (ql.UnitedKingdom(ql.UnitedKingdom.Exchange), 1990),
    "XNYS": (ql.UnitedStates(ql.UnitedStates.NYSE), 1990),
}
# Financial calendars of the holidays package. Madrid and Athens are left out: its lists follow Euronext there.
_HOLIDAYS = (
    "XASX XBOG XMEX XBUE XBOM XIST BVMF XAMS XBRU XDUB XLIS XMIL XOSL XPAR XETR XFRA XHKG XJSE XKRX XLON XNYS XNZE "
    "XKAR XSAU XSHG XSES XSWX XTAI XTSE XWAR"
).split()
_HOLIDAYS_UNDER = {"XTKS": "XJPX"}
# Make-up working days that its list of Taipei reads as sessions; the exchange trades none of them since 2019.
_NO_SATURDAYS_FROM = {"XTAI": pd.Timestamp("2019-01-01")}
# Exchanges that pandas-market-calendars keeps itself, under a trading name.
OWN_CALENDARS = {
    "XNYS": "NYSE",
    "XLON": "LSE",
    "XTKS": "JPX",
    "XHKG": "HKEX",
    "XSHG": "SSE",
    "XASX": "ASX",
    "XTSE": "TSX",
    "XBOM": "BSE",
    "XSWX": "SIX",
    "XEUR": "EUREX",
    "BVMF": "B3",
    "XTAE": "TASE",
    "XOSL": "OSE",
}
# Its lists of Tel Aviv begin in 2019; before, it keeps the weekend and no holiday.
_OWN_FROM = {"XTAE": pd.Timestamp("2019-01-01")}


@dataclass(frozen=True)
class Answer:
    """What a second source says of one exchange.

    Attributes:
        source: Its name and version.
        first: First day that it is asked for.
        last: Last day that it is asked for.
        sessions: The sessions of that span.
    """

    source: str
    first: pd.Timestamp
    last: pd.Timestamp
    sessions: pd.DatetimeIndex

    def cut(self, first: pd.Timestamp, last: pd.Timestamp) -> "Answer":
        """Return the answer of the days that lie in a span."""
        first, last = max(first, self.first), min(last, self.last)
        return Answer(self.source, first, last, within(self.sessions, first, last))


def answers(name: str) -> list[Answer]:
    """Return what each second source says of the exchange with that ISO code.

    Raises:
        RuntimeError: If a source is installed at a version whose release date is not entered above.
    """
    found = [*_quantlib(name), *_holidays(name), *_market_calendars(name), *_lists(name)]
    return [item.cut(item.first, item.last) for item in found]


def within(days: pd.DatetimeIndex, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the days of a span."""
    return days[(days >= first) & (days <= last)]


def _quantlib(name: str) -> Iterator[Answer]:
    if name not in _QUANTLIB:
        return
    calendar, year = _QUANTLIB[name]
    source, last = _released("QuantLib")
    first = pd.Timestamp(year, 1, 1)
    days = pd.date_range(first, last)
    is_session = [calendar.isBusinessDay(ql.Date(day.day, day.month, day.year)) for day in days]
    yield Answer(f"{source} ({calendar.name()})", first, last, days[is_session])


def _holidays(name: str) -> Iterator[Answer]:
    if name not in _HOLIDAYS and name not in _HOLIDAYS_UNDER:
        return
    source, last = _released("holidays")
    code = _HOLIDAYS_UNDER.get(name, name)
    listed = holidays.financial_holidays(code, years=range(_FIRST.year, last.year + 1))
    first = pd.Timestamp(max(_FIRST.year, listed.start_year), 1, 1)
    days = pd.date_range(first, last)
    worked = pd.DatetimeIndex(sorted(getattr(listed, "weekend_workdays", ()))).as_unit("ns")
    worked = worked[worked < _NO_SATURDAYS_FROM.get(name, last)]
    weekend = days.day_of_week.isin(list(listed.weekend)) & ~days.isin(worked)
    yield Answer(f"{source} ({code})", first, last, days[~weekend & ~days.isin(pd.DatetimeIndex(sorted(listed)))])


def _market_calendars(name: str) -> Iterator[Answer]:
    if name in OWN_CALENDARS:
        source, last = _released("pandas_market_calendars")
        own = market_calendars.get_calendar(OWN_CALENDARS[name])
        first = _OWN_FROM.get(name, _FIRST)
        yield Answer(f"{source} ({OWN_CALENDARS[name]})", first, last, own.valid_days(first, last).tz_localize(None))


def _lists(name: str) -> Iterator[Answer]:
    """Yield the lists of days of Shanghai and of the National Stock Exchange of India."""
    if name == "XSHG":
        source, last = _released("cn-stock-holidays")
        text = (Path(cn_stock_holidays.__file__).parent / "data.txt").read_text(encoding="utf-8")
        closed = pd.to_datetime(sorted(set(text.split())), format="%Y%m%d")
        days = pd.bdate_range(closed[0], last)
        yield Answer(source, closed[0], last, days[~days.isin(closed)])
    if name == "XBOM":
        source, last = _released("nse-trading-calendar")
        table = pd.read_excel(Path(nse_calendar.__file__).parent / "data" / "trading_days.xlsx")
        days = pd.DatetimeIndex(pd.to_datetime(table["Trading Dates"])).normalize()
        yield Answer(source, pd.Timestamp("2000-01-01"), last, days)  # earlier days are not those of the exchange


def _released(package: str) -> tuple[str, pd.Timestamp]:
    number, day = _RELEASED[package]
    if version(package) != number:
        raise RuntimeError(f"{package} {version(package)} is installed; the release date of {number} is entered.")
    return f"{package} {number}", pd.Timestamp(day)


def disputed(sessions: pd.DatetimeIndex, given: list[Answer], settled: Mapping[str, str]) -> list[str]:
    """Return the days that at least as many answers contradict as confirm, the table counted as one confirmation.

    Args:
        sessions: Those of the table.
        given: What second sources say.
        settled: Days that a correction with a source of its own has decided.
    """
    against: dict[pd.Timestamp, int] = {}
    for answer in given:
        for day in within(sessions, answer.first, answer.last).symmetric_difference(answer.sessions):
            against[day] = against.get(day, 0) + 1
    doubtful = []
    for day, count in sorted(against.items()):
        asked = sum(answer.first <= day <= answer.last for answer in given)
        if count >= 1 + asked - count and f"{day:%Y-%m-%d}" not in settled:
            doubtful.append(f"{day:%Y-%m-%d}")
    return doubtful
