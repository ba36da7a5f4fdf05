"""The trading plan: what must be decided before a backtest may start, the checks that refuse it, the evidence for it.

One file per item of the checklist; `items` holds the plan and the list of its items.
"""
