"""What is asked for one clip, before anything is read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from pipelines.inputs import Inputs
from pipelines.outputs import (
    check_output,
    check_output_folder,
    means_folder,
    output_paths,
    require_no_source,
)
from predictor.errors import OutputIsInput, SettingsError, UnsupportedCodec, require_whole

Mode = Literal["append", "only", "next", "side-by-side"]

DEFAULT_COUNT = 8
DEFAULT_MODEL = "frames"


@dataclass(frozen=True)
class FramesRequest:
    """One clip to predict frames of, where the results go and how they are made."""

    input: Path
    output: Path
    mode: Mode = "append"
    count: int = DEFAULT_COUNT
    duration_s: Fraction | None = None
    """Instead of `count`: as many frames as this takes at the source's rate."""
    at: Fraction | None = None
    """The last moment of the source that is kept, in seconds; None is its end."""
    frames_dir: Path | None = None
    gif: Path | None = None
    codec: str | None = None
    crf: int | None = None
    lossless: bool = False
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    """Threads that decode; None leaves the choice to FFmpeg."""
    overwrite: bool = False
    sources: frozenset[str] = frozenset()
    """Real paths of all inputs of the command: no output replaces one of them."""

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise SettingsError(f"mode is {self.mode!r}, expected {', '.join(get_args(Mode))}")
        if self.threads is not None:
            from predictor.devices import require_thread_count

            require_thread_count(self.threads)
        require_whole("count", self.count)
        if self.duration_s is not None and self.duration_s <= 0:
            raise SettingsError(f"duration is {float(self.duration_s)} s, expected more than 0")
        if self.lossless and self.crf is not None:
            raise SettingsError("lossless and crf exclude each other: a lossless video has no crf")
        if self.lossless and self.encoder_options:
            from predictor.media.encoders import require_exact

            require_exact(self.encoder_options)
        if self.mode == "next" and (self.at is not None or self.duration_s is not None):
            raise SettingsError("mode next predicts every frame; at and duration have no meaning")
        if self.mode == "next" and self.gif is not None:
            raise SettingsError("mode next is as long as its input; gif is for a few frames")
        if self.codec is not None:
            from predictor.media.encoders import encoder_for

            encoder_for(self.codec)

    @property
    def table(self) -> Path | None:
        """Where the CSV of a comparison goes: beside the video."""
        return self.output.with_suffix(".csv") if self.mode == "next" else None

    @property
    def plot(self) -> Path | None:
        """Where the plot of a comparison goes: beside the video."""
        return self.output.with_suffix(".png") if self.mode == "next" else None

    def check_outputs(self) -> None:
        """Raise `OutputIsInput`, `OutputExists` or `OutputNotWritten` before any work is done."""
        for path in (self.output, self.gif, self.table, self.plot):
            if path is not None:
                check_output(path, [self.input], self.overwrite)
                require_no_source(path, self.sources)
                self._require_apart(path)
        if self.frames_dir is not None:
            check_output_folder(self.frames_dir, [self.input], self.overwrite)

    def _require_apart(self, path: Path) -> None:
        """Raise `OutputIsInput` for a `path` among the pictures of a clip: it would change it."""
        folder = os.path.realpath(path.parent)
        if folder in {os.path.realpath(self.input), *self.sources}:
            raise OutputIsInput(
                f"{path}: the output would lie among the pictures of the input {path.parent}; "
                "choose another -o"
            )


def frames_requests(
    inputs: Inputs, template: FramesRequest, output: Path | None = None, with_gif: bool = False
) -> dict[Path, FramesRequest]:
    """Return one request a clip, like `template`, with names of outputs that never meet.

    For several clips `template.frames_dir` becomes a folder with one folder a clip in it. Raises
    `SettingsError` for an `output` that cannot be what it is to be.
    """
    requests = {}
    named = list(inputs.entries)
    if output is not None and not inputs.is_batch and not means_folder(output, named[0]):
        _require_video_name(output)
    template = replace(template, sources=frozenset(map(os.path.realpath, named)))
    has_others_beside = with_gif or template.mode == "next"
    paths = output_paths(named, output, is_batch=inputs.is_batch, distinct_stems=has_others_beside)
    frames_dirs = [template.frames_dir] * len(named)
    if template.frames_dir is not None and inputs.is_batch:
        images = output_paths(named, template.frames_dir, ".png", is_batch=True)
        frames_dirs = [path.with_suffix("") for path in images]
    for clip, path, frames_dir in zip(named, paths, frames_dirs, strict=True):
        if inputs.entries[clip] is not None:
            continue
        gif = gif_beside(path) if with_gif else None
        requests[clip] = replace(template, input=clip, output=path, frames_dir=frames_dir, gif=gif)
    return requests


def gif_beside(video: Path) -> Path | None:
    """Return where the GIF of an output `video` goes; None for one that is a GIF itself."""
    gif = video.with_suffix(".gif")
    return None if gif == video else gif


def _require_video_name(output: Path) -> None:
    from predictor.media.codecs import container_for

    try:
        container_for(output)
    except UnsupportedCodec as error:
        raise SettingsError(f"-o {error}; or a folder, whose name has no suffix") from error
