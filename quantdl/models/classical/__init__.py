"""The econometric models: recursions of variance, their fits, correlations, and laws of past returns."""
