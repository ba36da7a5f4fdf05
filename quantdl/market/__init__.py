"""Prices in: where they come from, what is wrong with them, and the panel that everything else reads."""
