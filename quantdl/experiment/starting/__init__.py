"""A new project: what its prices tell, what only its author can say, and the files that run."""
