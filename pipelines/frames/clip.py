"""Predict the next frames of one clip and write them as a video."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from time import perf_counter

from pipelines.encoding_errors import naming
from pipelines.frames.context import require_not_after_end
from pipelines.frames.continuation import appended, only_predicted
from pipelines.frames.next_frames import every_next_frame
from pipelines.frames.prediction import NextFrames, PredictsFrames, load
from pipelines.frames.request import (
    DEFAULT_COUNT,
    DEFAULT_MODEL,
    FramesRequest,
    Mode,
    gif_beside,
)
from pipelines.frames.result import FramesResult
from pipelines.frames.side_by_side import side_by_side
from pipelines.frames.video_output import source_notes
from pipelines.outputs import output_paths
from pipelines.progress import Advance, silent
from pipelines.timecodes import as_written, clock, frames_in
from predictor.devices import using_threads
from predictor.errors import NotEnoughFrames, SettingsError, UnsupportedCodec
from predictor.frame_predictor import FEWEST_FRAMES
from predictor.media.codecs import container_for
from predictor.media.info import VideoInfo
from predictor.media.video import open_video, probe
from predictor.model_files import find_model
from predictor.wording import counted


def predict_frames(
    path: str | os.PathLike[str],
    count: int | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    mode: Mode = "append",
    at: Fraction | float | None = None,
    duration_s: Fraction | float | None = None,
    model: str | os.PathLike[str] | PredictsFrames | NextFrames = DEFAULT_MODEL,
    device: str = "auto",
    precision: str = "auto",
    frames_dir: str | os.PathLike[str] | None = None,
    gif: bool = False,
    codec: str | None = None,
    crf: int | None = None,
    lossless: bool = False,
    encoder_options: Mapping[str, str] | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Advance = silent,
) -> FramesResult:
    """Predict `count` frames of the clip at `path`, write a video and return what was done.

    Without `count` and `duration_s`, which exclude each other, it is 8 frames.

    The arguments are the options of ``predictor frames``, which `FramesRequest` explains; `model`
    is a name, a file, or, to load it once for several clips, what `predictor.load` returned, which
    does not know how far ahead it was measured, or `pipelines.frames.prediction.load`. A time of
    0.6 is the ``0.6`` of the command, not the binary number just below. `threads` decode and
    predict. Raises a `PredictorError` that names the file; then nothing is written.
    """
    if count is not None and duration_s is not None:
        raise SettingsError("count and duration_s exclude each other")
    source = Path(path)
    target = output_paths([source], None if output is None else Path(output))[0]
    request = FramesRequest(
        input=source,
        output=target,
        mode=mode,
        count=DEFAULT_COUNT if count is None else count,
        duration_s=_exact("duration_s", duration_s),
        at=_exact("at", at),
        frames_dir=None if frames_dir is None else Path(frames_dir),
        gif=gif_beside(target) if gif else None,
        codec=codec,
        crf=crf,
        lossless=lossless,
        encoder_options=encoder_options or {},
        threads=threads,
        overwrite=overwrite,
    )
    request.check_outputs()
    with using_threads(threads):
        if isinstance(model, str | os.PathLike):
            model = load(os.fspath(model), device, precision)
        elif not isinstance(model, NextFrames):
            model = NextFrames(model, type(model).__name__)
        return predicted_frames(request, model, progress)


def _exact(name: str, seconds: Fraction | float | None) -> Fraction | None:
    try:
        return None if seconds is None else as_written(seconds)
    except (ValueError, OverflowError) as error:  # of nan and inf
        raise SettingsError(f"{name} is {seconds}, expected seconds") from error


def predicted_frames(
    request: FramesRequest, network: NextFrames, advance: Advance = silent
) -> FramesResult:
    """Do what `request` asks for and return what was done; errors as in `predict_frames`.

    The caller has checked its outputs by `FramesRequest.check_outputs`.
    """
    start = perf_counter()
    with open_video(request.input, request.threads) as reader:
        _require_container(request)
        with naming(request.input):
            result = _MODES[request.mode](request, reader, network, advance)
        notes = [*source_notes(reader.info), *result.warnings]
    longest = network.horizon
    if longest is not None and request.mode != "next" and result.predicted_count > longest:
        notes.append(
            f"{counted(result.predicted_count, 'frame')} ahead: this model was measured up to "
            f"{longest}, later frames may be poor"
        )
    if result.truncated is not None:
        notes.append(f"used in part: {result.truncated}{_goes_on(result)}")
    seconds = result.seconds | {"total": perf_counter() - start}
    return replace(result, warnings=tuple(notes), seconds=seconds)


def _require_container(request: FramesRequest) -> None:
    try:
        container_for(request.output)
    except UnsupportedCodec as error:  # of an output that is named after its input
        raise UnsupportedCodec(f"{error}; -o gives the output another name") from error


def _goes_on(result: FramesResult) -> str:
    if result.context_end is None:
        return ""
    return f"; the prediction continues from its frame at {clock(result.context_end)}"


def planned_frames(request: FramesRequest, model: str) -> FramesResult:
    """Return what `predicted_frames` would do, as far as the header tells; nothing is written.

    Raises `UnreadableMedia`, `UnsupportedCodec` for an unknown suffix, `UnknownModel`, and
    `NotEnoughFrames` where the header has too few.
    """
    find_model(model)
    info = probe(request.input)
    _require_container(request)
    step = 1 / info.average_rate
    if request.at is not None and info.duration_s is not None:
        require_not_after_end(info, request.at, as_written(info.duration_s) - step, step)
    count = request.count
    if request.duration_s is not None:
        count = frames_in(request.duration_s, step)
    _require_frames(info, FEWEST_FRAMES + {"next": 1, "side-by-side": count}.get(request.mode, 0))
    if request.mode == "next":
        count = max(0, (info.frame_count or 0) - FEWEST_FRAMES)
    height, width = info.size
    return FramesResult(
        request=request,
        model=model,
        size=(height, 3 * width if request.mode == "side-by-side" else width),
        predicted_count=count,
        how=f"would predict {counted(count, 'frame')} of {width}x{height}",
        warnings=tuple(source_notes(info)),
    )


def _require_frames(info: VideoInfo, fewest: int) -> None:
    """Raise `NotEnoughFrames` if the header says that there are less than `fewest`."""
    if info.frame_count is not None and info.frame_count < fewest:
        raise NotEnoughFrames(
            f"{info.path}: has {counted(info.frame_count, 'frame')}, expected at least {fewest}"
        )


_MODES: dict[Mode, Callable[..., FramesResult]] = {
    "append": appended,
    "only": only_predicted,
    "next": every_next_frame,
    "side-by-side": side_by_side,
}
