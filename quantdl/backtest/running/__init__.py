"""A run, session by session: what a strategy sees and answers, and the engine that plays it."""
