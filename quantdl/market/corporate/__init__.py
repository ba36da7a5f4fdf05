"""Corporate actions: what happens to a share, what that does to prices, and when a trade settles."""
