"""Stress of a book: crises of the past, shocks, events under the law of a model, reverse stress, thin markets."""
