"""What a run leaves behind, typed: every file of a run folder as a frozen record, and how it is written and read."""
