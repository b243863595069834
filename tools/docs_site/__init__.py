"""Build the documentation as a website."""
