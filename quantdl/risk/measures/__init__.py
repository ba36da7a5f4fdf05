"""Measures of losses, each with its error: of draws, of a history, and of a law where it has a closed form."""
