"""Code that both sides use: the protocol between them, and access to processes."""
