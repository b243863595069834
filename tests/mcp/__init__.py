"""The conformance suite of the Model Context Protocol against the local stack: `make test-mcp`."""
