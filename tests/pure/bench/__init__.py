"""Tests of the arithmetic and output of the bench, not of its measurements."""
