"""Thirty years of each of 26 calendars, from 1990 or its first day on, each in a fresh object of a fresh process."""

import json
import subprocess
import sys

NAMES = "XNYS NYSE NASDAQ XLON LSE XTKS JPX XHKG XSHG XKRX XASX ASX XETR XPAR XAMS XSWX XTSE TSX XBOM BVMF CME_Equity"
ALSO = "24/7 XTAI XSES XMIL XMAD"
ONE = """
import json, sys, time
import pandas as pd
from quantdl.calendars import trading_calendar
started = time.process_time()
calendar = trading_calendar(sys.argv[1])
start = max(calendar.first_day, pd.Timestamp("1990-01-01"))
end = start + pd.DateOffset(years=30, days=-1)
sessions = calendar.sessions(start, end)
opens, closes = calendar.opens(sessions), calendar.closes(sessions)
taken = time.process_time() - started
print(json.dumps({"cpu_s": round(taken, 3), "sessions": len(sessions), "from": f"{start:%Y-%m-%d}"}))
"""


def main() -> None:
    taken = {}
    for name in [*NAMES.split(), *ALSO.split()]:
        done = subprocess.run([sys.executable, "-c", ONE, name], stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(done.stdout)
        taken[name] = figures["cpu_s"]
        print(json.dumps({"what": f"calendar {name}"} | figures), flush=True)
    slowest = max(taken, key=lambda name: taken[name])
    print(json.dumps({"what": f"slowest of {len(taken)} calendars", "calendar": slowest, "cpu_s": taken[slowest]}))


if __name__ == "__main__":
    main()
