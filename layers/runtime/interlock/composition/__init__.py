"""Composition roots: they read the settings, create the clients and put the parts together."""
