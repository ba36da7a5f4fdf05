"""How the figures of a run answer to its costs, its weights and the parameters behind them: a differentiable twin."""
