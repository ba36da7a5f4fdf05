"""Series beside the prices: rates, volatility indices, benchmarks, and when each value was known."""
