"""In-memory fakes of the ports, for tests. The contract tests in tests/service run against them and the adapters."""
