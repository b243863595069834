"""A package of a layer."""
