"""The predicted frames as pictures beside the video: numbered PNGs, and a small GIF."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import PIL.Image
from torch import Tensor

from pipelines.outputs import atomic_output, atomic_output_folder
from pipelines.requests import FramesRequest
from predictor.media.images import to_uint8, write_png

GIF_WIDTH = 480
"""Pixels; a GIF is for looking at in a page or a message, not for keeping."""

_SHORTEST_CS = 2
"""Hundredths of a second; players slow down anything shorter to 10."""


class Pictures:
    """Takes the predicted frames one after another; see `open_pictures`."""

    def __init__(self, folder: Path | None, has_gif: bool) -> None:
        self._folder = folder
        self._count = 0
        self._has_gif = has_gif
        self._gif_frames: list[PIL.Image.Image] = []
        self._gif_times: list[Fraction] = []

    def add(self, image: Tensor, time: Fraction, number: int | None = None) -> None:
        """Take the next predicted frame ``(3, H, W)``, shown at `time` s.

        `number` is its place on the output's timeline; None counts up, see `number_from`.
        """
        if self._folder is not None:
            write_png(self._folder / f"{self._count if number is None else number:06d}.png", image)
        self._count += 1
        self.add_to_gif(image, time)

    def add_to_gif(self, image: Tensor, time: Fraction) -> None:
        """Take a frame that only the GIF shows: what the prediction continues."""
        if not self._has_gif:
            return
        picture = PIL.Image.fromarray(to_uint8(image))
        if picture.width > GIF_WIDTH:
            height = max(1, round(picture.height * GIF_WIDTH / picture.width))
            picture = picture.resize((GIF_WIDTH, height), PIL.Image.Resampling.BOX)
        self._gif_frames.append(picture.quantize(256, dither=PIL.Image.Dither.FLOYDSTEINBERG))
        self._gif_times.append(time)

    def number_from(self, first: int) -> None:
        """Give the PNGs their places on the output's timeline, the first of them `first`."""
        if self._folder is None or first == 0:
            return
        for number in reversed(range(self._count)):  # from the end: no name is taken twice
            old = self._folder / f"{number:06d}.png"
            old.rename(self._folder / f"{first + number:06d}.png")

    def write_gif(self, path: Path, step: Fraction) -> None:
        """Write the GIF; its last frame is shown for `step` s, and it starts again."""
        times = [*self._gif_times, self._gif_times[-1] + step]
        ends = [round((time - times[0]) * 100) for time in times[1:]]
        delays = [
            max(_SHORTEST_CS, end - start) * 10
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        first, *others = self._gif_frames
        first.save(
            path,
            format="GIF",
            save_all=True,
            append_images=others,
            duration=delays,
            loop=0,
            disposal=1,
        )


@contextlib.contextmanager
def open_pictures(request: FramesRequest) -> Iterator[Pictures]:
    """Yield what takes predicted frames and writes the PNGs that `request` asks for.

    The folder appears when the block ends well, else nothing does.
    """
    with contextlib.ExitStack() as stack:
        folder = request.frames_dir
        if folder is not None:
            folder = stack.enter_context(atomic_output_folder(folder, request.overwrite))
        yield Pictures(folder, request.gif is not None)


def write_gif(request: FramesRequest, pictures: Pictures, step: Fraction) -> None:
    """Write the GIF that `request` asks for, if it does."""
    if request.gif is not None:
        with atomic_output(request.gif, request.overwrite) as partial:
            pictures.write_gif(partial, step)
