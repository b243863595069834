"""The outside world in memory, for tests: it keeps the same promises as the adapters (tests/integration holds it to
them)."""
