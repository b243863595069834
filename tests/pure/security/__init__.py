"""Harmful requests to all routes: each is answered by the contract and reaches nothing else."""
