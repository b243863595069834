"""A plugin whose import exits."""

import sys

sys.exit("not today")
