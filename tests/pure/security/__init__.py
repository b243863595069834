"""Harmful requests to all routes: every response follows the contract."""
