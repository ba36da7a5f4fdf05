from .bars import bar_length as bar_length, is_daily as is_daily
from .corrections import CalendarCorrection as CalendarCorrection
from .exchange import TradingCalendar as TradingCalendar, trading_calendar as trading_calendar
from .labels import Day as Day
