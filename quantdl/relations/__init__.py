"""How assets move together, from trailing correlations as of each session."""
