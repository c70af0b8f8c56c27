"""The predicted frames as pictures beside the video: numbered PNGs, and a small GIF."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from torch import Tensor
from torch.nn import functional

from pipelines.frames.request import FramesRequest
from pipelines.outputs import atomic_output, atomic_output_folder
from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.images import write_png
from predictor.media.video import VideoInfo

GIF_WIDTH = 480
"""Pixels; a GIF is for looking at in a page or a message, not for keeping."""

_GIF_TICK = Fraction(1, 100)
_FEWEST_TICKS = 2
"""From one picture of a GIF to the next; browsers show what is faster ten times slower."""


class Pictures:
    """Takes the predicted frames one after another; made by `open_pictures`."""

    def __init__(self, folder: Path | None, gif: VideoWriter | None) -> None:
        self._folder = folder
        self._gif = gif
        self._gif_start: Fraction | None = None
        self._gif_tick = -_FEWEST_TICKS
        self._count = 0

    def add(self, image: Tensor, time: Fraction, number: int | None = None) -> None:
        """Take the next predicted frame ``(3, H, W)``, shown at `time` s.

        `number` is its place on the output's timeline; None counts up, see `number_from`.
        """
        if self._folder is not None:
            write_png(self._folder / f"{self._count if number is None else number:06d}.png", image)
        self._count += 1
        self.add_to_gif(image, time)

    def add_to_gif(self, image: Tensor, time: Fraction) -> None:
        """Take a frame that only the GIF shows: what the prediction continues.

        Of more than 50 frames a second the GIF leaves some out.
        """
        if self._gif is None:
            return
        if self._gif_start is None:
            self._gif_start = time
        tick = round((time - self._gif_start) / _GIF_TICK)
        if tick < self._gif_tick + _FEWEST_TICKS:
            return
        self._gif_tick = tick
        size = gif_size(*image.shape[-2:])
        small = functional.interpolate(image[None], size, mode="area")[0]
        self._gif.write(small, time - self._gif_start)

    def number_from(self, first: int) -> None:
        """Give the PNGs their places on the output's timeline, the first of them `first`."""
        if self._folder is None or first == 0:
            return
        for number in reversed(range(self._count)):  # from the end: no name is taken twice
            old = self._folder / f"{number:06d}.png"
            old.rename(self._folder / f"{first + number:06d}.png")


@contextlib.contextmanager
def open_pictures(request: FramesRequest, info: VideoInfo) -> Iterator[Pictures]:
    """Yield what takes predicted frames and writes the PNGs and the GIF that `request` asks for.

    They appear when the block ends well, else nothing does.
    """
    with contextlib.ExitStack() as stack:
        folder = gif = None
        if request.frames_dir is not None:
            folder = stack.enter_context(
                atomic_output_folder(request.frames_dir, request.overwrite)
            )
        if request.gif is not None:
            partial = stack.enter_context(atomic_output(request.gif, request.overwrite))
            size = gif_size(*info.size)
            gif = stack.enter_context(
                VideoWriter(partial, info, size, options=EncodingOptions(codec="gif"))
            )
        yield Pictures(folder, gif)


def gif_size(height: int, width: int) -> tuple[int, int]:
    """Return height and width of the GIF of frames of that size: at most `GIF_WIDTH` wide."""
    if width <= GIF_WIDTH:
        return height, width
    return max(1, round(height * GIF_WIDTH / width)), GIF_WIDTH
