"""Tests of the bench: its arithmetic, not what it measures."""
