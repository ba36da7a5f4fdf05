"""After the run: where the profit came from, at which cost it is gone, and the checklist."""
