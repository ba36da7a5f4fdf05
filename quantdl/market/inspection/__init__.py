"""What is wrong or doubtful with a panel, and what is done about it."""
