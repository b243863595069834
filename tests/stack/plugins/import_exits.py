"""Exits where it should be imported."""

import sys

sys.exit("not today")
