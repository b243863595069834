"""Cannot be imported."""

raise LookupError("no such model")
