"""Strides of convolutions that halve a grid, or keep its size, one layer after the other."""

import math
from collections.abc import Sequence

from predictor.errors import SettingsError


def layer_strides(maps: Sequence[int], strides: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the stride of each layer of so many `maps`; None: all halve."""
    return strides or (2,) * len(maps)


def smallest_grid(size: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Return ``(height, width)`` of the smallest grid of images of that `size`."""
    factor = math.prod(strides)
    return size[0] // factor, size[1] // factor


def require_halving(
    size: Sequence[int], channels: int, maps: tuple[int, ...], strides: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return `layer_strides` if such layers fit images of that `size` ``(H, W)``.

    Raises `SettingsError` otherwise.
    """
    if not maps or min(*maps, channels) < 1:
        raise SettingsError(f"maps is {maps}, channels {channels}: expected 1 or more each")
    chosen = layer_strides(maps, strides)
    if len(chosen) != len(maps) or not set(chosen) <= {1, 2}:
        raise SettingsError(f"strides is {chosen}, expected 1 or 2 for each of {maps}")
    factor = math.prod(chosen)
    if min(size) < 1 or any(side % factor for side in size):
        raise SettingsError(
            f"size is {size[0]}x{size[1]}, expected multiples of {factor}: the layers halve "
            f"{chosen.count(2)} times"
        )
    return chosen
