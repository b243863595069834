"""Hostile plugins, one for each kind of harm. Each has a harmless tool `echo`."""

from .dying import Dying
from .greedy import Greedy
from .lingering import Lingering
from .lying import Lying
from .raising import Raising
from .reaching import Reaching
from .stuck import Stuck
from .vandal import Vandal

__all__ = ["Dying", "Greedy", "Lingering", "Lying", "Raising", "Reaching", "Stuck", "Vandal"]
