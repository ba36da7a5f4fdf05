"""Who belonged to the universe as of each bar."""
