"""A book in money: what a model or history predicts it to lose, what each part adds, and what trades would change."""
