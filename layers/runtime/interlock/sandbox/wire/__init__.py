"""Code of both sides: the protocol between them, and access to processes."""
