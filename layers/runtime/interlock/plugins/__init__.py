"""Plugins as data: the index, the registry and the validation of their schemas."""
