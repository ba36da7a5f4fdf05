"""Fitting, splitting, checkpoints and the forecasts a fitted model may give."""
