"""The outside world in memory, for tests: it keeps the same promises as the adapters (tests/service holds it to
them)."""
