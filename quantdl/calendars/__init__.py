"""Trading calendars: which days an exchange trades, from when to when, and how far apart two sessions are in bars."""

from quantdl.calendars.bars import bar_length, is_daily
from quantdl.calendars.exchange import TradingCalendar, trading_calendar
from quantdl.calendars.labels import Day

__all__ = ["Day", "TradingCalendar", "bar_length", "is_daily", "trading_calendar"]
