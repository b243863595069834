"""The authors' commands: new, check, test."""
