"""One video with a fixed mask: filled frame by frame, and written with everything it carries."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.appending.reencoding import Reencoding
from pipelines.encoding_errors import naming
from pipelines.inpaint.masks import (
    Masks,
    MaskSettings,
    Weights,
    files_read,
    hole_weights,
    parsed_masks,
)
from pipelines.outputs import atomic_output, check_output
from pipelines.progress import Advance, silent
from predictor.errors import UnreadableVideo
from predictor.media.codecs import container_for
from predictor.media.encoders import is_always_lossless
from predictor.media.encoding import EncodingOptions
from predictor.media.frame import Frame
from predictor.media.info import VideoInfo
from predictor.media.known_samples import KnownSamples
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import Rgb
from predictor.media.video import VideoReader, open_video
from predictor.video_fill.filler import Filler
from predictor.video_fill.video_inpainter import VideoInpainter

_AS_IT_IS = MaskSettings()
_AS_IT_WAS = EncodingOptions()


@dataclass(frozen=True)
class FilledVideo:
    """What was done to one video."""

    input: Path
    output: Path
    frames: int
    filled_pixels: int
    """Of each frame."""
    how: str
    """Whether the pictures were copied or encoded, and what that leaves of the known ones."""
    keeps_samples: bool
    """Whether the output has exactly the known samples of the source."""
    warnings: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    """What the source has and the output has not."""
    truncated: str | None = None
    """What was wrong with a source that was used in part, in words."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent, by what it was spent on: open; fill, with reading and writing."""

    @property
    def is_unchanged(self) -> bool:
        """Whether there was nothing to fill."""
        return not self.filled_pixels

    @property
    def files(self) -> list[Path]:
        """Every path written."""
        return [self.output]

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return {
            "output": str(self.output),
            "frames": self.frames,
            "filled_pixels": self.filled_pixels,
            "keeps_samples": self.keeps_samples,
            "how": self.how,
            "warnings": list(self.warnings),
            "dropped": list(self.dropped),
            "truncated": self.truncated is not None,
            "seconds": {name: round(spent, 4) for name, spent in self.seconds.items()},
        }


def fill_video(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    mask: str | os.PathLike[str] | Masks,
    filler: Filler,
    *,
    relative: Path | None = None,
    mask_settings: MaskSettings = _AS_IT_IS,
    options: EncodingOptions = _AS_IT_WAS,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Advance = silent,
) -> FilledVideo:
    """Fill the same hole in every frame of the video at `path`, write `output`, say what was done.

    `mask` and `filler` are as for `fill_photograph`, without ``alpha``; a colour is looked for in
    the first frame. It is meant in the video as it is displayed. What other frames show of the
    hidden is used first, `filler` makes the rest. The container is that of the suffix of `output`;
    frame times, audio, subtitles and chapters are kept. Pictures are encoded once, as `options`
    say, by default as the source is at a quality that looks lossless; without loss the known
    samples stay exactly what they were, of turned or interlaced 4:2:0 video those of the luma. An
    empty mask copies the file, or only encodes it where that was asked for. `threads` decode (None:
    as many as are useful).

    Raises `UnreadableVideo`, `UnusableMask`, `UnsupportedCodec`, `SettingsError`, `OutputIsInput`,
    `OutputExists`, `OutputNotWritten`; then nothing is written.
    """
    source, target = Path(path), Path(output)
    name = relative or Path(source.name)
    masks = parsed_masks(os.fspath(mask)) if isinstance(mask, str | os.PathLike) else mask
    check_output(target, files_read(masks, source, name), overwrite)
    start = perf_counter()
    with open_video(source, threads) as reader:
        container_for(target)
        canvas = _first_picture(reader)
        weight, warnings = hole_weights(masks, source, name, canvas, mask_settings, is_lossy=True)
        opened = perf_counter()
        is_as_it_was = options == _AS_IT_WAS and source.suffix.lower() == target.suffix.lower()
        with atomic_output(target, overwrite) as partial:
            if not weight.any() and is_as_it_was and source.is_file():
                shutil.copyfile(source, partial)
                done = _Done(reader.info.frame_count or 0, "copied unchanged", True)
            else:
                video = _Source(reader, weight)
                with naming(source):
                    done = _encoded(video, partial, filler, options, progress)
                warnings += _notes(reader.info)
        if not weight.any():
            warnings += (f"its mask is empty: {done.how}",)
        truncated = reader.truncated
    return FilledVideo(
        input=source,
        output=target,
        frames=done.frames,
        filled_pixels=int(np.count_nonzero(weight)),
        how=done.how,
        keeps_samples=done.keeps_samples,
        warnings=warnings if truncated is None else (*warnings, f"used in part: {truncated}"),
        dropped=done.dropped,
        truncated=truncated,
        seconds={"open": opened - start, "fill": perf_counter() - opened},
    )


class _Done(NamedTuple):
    """What was written."""

    frames: int
    how: str
    keeps_samples: bool
    dropped: tuple[str, ...] = ()


class _Source:
    """The frames of a video, read twice at a time: to be filled, and ahead of that."""

    def __init__(self, reader: VideoReader, weight: Weights) -> None:
        self.info = reader.info
        self.weight = torch.from_numpy(np.asarray(weight, np.float32))
        self._reader = reader
        self._newest: Frame | None = None

    def filled(self, filler: Filler) -> Iterator[tuple[Frame, Tensor]]:
        """Yield every frame with its picture ``(3, H, W)``, filled as far as the weight says."""
        if not self.weight.any():
            yield from ((frame, frame.image) for frame in self._reader)
            return
        inpainter = VideoInpainter(filler, (self.weight > 0).float()[None, None])
        ahead = (frame.image for frame in self._reader)
        for image in inpainter.filled(self._images(), ahead):
            frame = self._newest
            assert frame is not None
            yield frame, torch.lerp(frame.image, image, self.weight)

    def _images(self) -> Iterator[Tensor]:
        for frame in self._reader:
            self._newest = frame
            yield frame.image


def _encoded(
    video: _Source, partial: Path, filler: Filler, options: EncodingOptions, progress: Advance
) -> _Done:
    count = 0
    with Reencoding(video.info, partial, options) as output:
        writer = output.writer
        missing = (video.weight > 0).numpy()
        known = KnownSamples(video.info, missing, writer.pixel_format, writer.color)
        for frame, image in video.filled(filler):
            output.write(image, frame.time, frame.duration, known.restorer(frame.coded))
            count += 1
            progress(count, video.info.frame_count)
        is_lossless = options.lossless or is_always_lossless(writer.codec)
        is_exact = is_lossless and known.are_kept
        how = f"encoded once, {'without loss' if is_lossless else 'visually lossless'}"
        if options.crf is not None or options.encoder_options:
            how = "encoded once, as asked for"
        if is_exact:
            how += "; known samples are exact"
        elif is_lossless:
            luma = "; the known luma is exact" if known.is_luma_kept else ""
            how += f" in {writer.pixel_format}{luma}"
    return _Done(count, how, is_exact, output.dropped)


def _first_picture(reader: VideoReader) -> RasterCanvas:
    """Return the first frame as something that masks can be looked for in."""
    first = next(iter(reader), None)
    if first is None:
        raise UnreadableVideo(f"{reader.info.path} has no picture to decode")
    levels = ((first.image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
    return RasterCanvas(levels.contiguous().numpy(), Rgb())


def _notes(info: VideoInfo) -> tuple[str, ...]:
    """Return what a user should know of the source, since the result cannot keep it."""
    notes = []
    if info.is_interlaced:
        notes.append("interlaced: its fields are filled as whole frames")
    if info.has_alpha:
        notes.append("its transparency is dropped")
    return tuple(notes)
