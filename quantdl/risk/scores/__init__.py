"""Forecasts against what happened: tables of every session and asset, scores of them, and models side by side."""
