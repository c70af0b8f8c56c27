"""A photograph opened for changes: its pictures, what it carries, and how it is written again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from predictor.media.photographs.canvas import Canvas

MOST_PIXELS = 250_000_000
"""What is opened without being asked for more: 250 megapixels."""

Format = Literal["keep", "png", "jpeg", "webp", "tiff"]
Keeps = Literal["samples", "blocks", "nothing"]
"""What of the known pixels a written file has exactly: their samples, in JPEG the coefficients of
the blocks that no hole touches, or nothing, where a lossy picture is encoded again."""


@dataclass(frozen=True)
class Saving:
    """How a photograph is written: by default as it was."""

    format: Format = "keep"
    quality: int | None = None
    """Of lossy formats, 1 to 100; None keeps that of the file."""

    @property
    def is_as_it_was(self) -> bool:
        """Whether nothing was asked for."""
        return self == Saving()


@dataclass(eq=False)
class Photograph:
    """An opened file; paint on its `canvases`, then take the new file from `encoded`."""

    format: str
    """As Pillow calls it, in lower case: jpeg, png, tiff, webp, bmp, gif, avif, heif, …"""
    canvases: tuple[Canvas, ...]
    """Its pictures; one, but for TIFF files of several pages."""
    keeps: Keeps
    encoded: Callable[[], bytes]
    """Returns the file with the canvases as they are now. Raises `OutputNotWritten`."""
    notes: tuple[str, ...] = ()
    """What the written file cannot keep, in words."""
    data: bytes = field(default=b"", repr=False)
    """The file as it was read."""
    is_lossy: bool = False
    """Whether that file is of a kind that keeps colours only nearly."""
