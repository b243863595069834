"""A plugin whose import fails."""

raise LookupError("no such model")
