"""The trading plan: what must be decided before a backtest may start, and the checks that refuse it."""
