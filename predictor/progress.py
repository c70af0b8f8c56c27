"""How work on many items reports how far it has come."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called after each item with the number of items done, the number of all, and the item's name."""
