"""Implementations of the ports with AWS. Only this package handles botocore's errors."""
