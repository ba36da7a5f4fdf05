"""Models: each turns a batch of histories into a Forecast."""
