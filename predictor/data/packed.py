"""Decoded frames in one file that is mapped into memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.data.footage import Picture


@dataclass(frozen=True)
class PackedPlace:
    """Where the frames of one video lie in a file."""

    offset: int
    shape: tuple[int, int, int, int]
    """``(frames, 3, H, W)``."""

    def within(self, mapped: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the frames as a view of the whole file."""
        size = int(np.prod(self.shape))
        return mapped[self.offset : self.offset + size].reshape(self.shape)


class PackedFrames:
    """The frames of some videos by name; each process maps the file when first asked."""

    def __init__(self, path: Path, places: Mapping[str, PackedPlace]) -> None:
        self.path = path
        self._places = places
        self._mapped: NDArray[np.uint8] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getstate__(self) -> dict[str, object]:
        """Leave the mapping out: a worker process makes its own."""
        return {**self.__dict__, "_mapped": None}

    def pictures(self, name: str, numbers: Sequence[int]) -> list[Picture]:
        """Return these frames of a video as views of the file: what is not used is not read."""
        if self._mapped is None:
            self._mapped = np.memmap(self.path, dtype=np.uint8, mode="r")
        frames = self._places[name].within(self._mapped)
        return [frames[number] for number in numbers]
