"""A real Aave V3 market on a local chain: for tests, benchmarks and newcomers."""
