"""Predict the next frames of one clip and write them as a video."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from time import perf_counter

from torch import Tensor

from pipelines.appending.append import append_frames
from pipelines.frames.context import context_of, require_not_behind
from pipelines.frames.next_frames import every_next_frame
from pipelines.frames.pictures import Pictures, open_pictures
from pipelines.frames.prediction import NextFrames, load
from pipelines.frames.request import DEFAULT_COUNT, DEFAULT_MODEL, FramesRequest
from pipelines.frames.result import FramesResult, Mode
from pipelines.frames.side_by_side import side_by_side
from pipelines.frames.video_output import (
    cut_notes,
    depth_notes,
    encoding_options,
    left_out,
    new_video,
    source_notes,
)
from pipelines.outputs import atomic_output, output_paths
from pipelines.progress import Advance, silent
from pipelines.results import counted
from pipelines.timecodes import clock, frames_in
from predictor.frame_predictor import FEWEST_FRAMES
from predictor.media.codecs import container_for
from predictor.media.video import VideoReader, open_video, probe
from predictor.weights import find_model


def predict_frames(
    path: str | os.PathLike[str],
    count: int = DEFAULT_COUNT,
    *,
    output: str | os.PathLike[str] | None = None,
    mode: Mode = "append",
    at: Fraction | float | None = None,
    duration_s: Fraction | float | None = None,
    model: str | NextFrames = DEFAULT_MODEL,
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

    The arguments are the options of ``predictor frames``, which `FramesRequest` explains; `model`
    is a name, a file, or what `pipelines.frames.prediction.load` returned, to load it once for
    several clips. Raises a `PredictorError` that names the file; then nothing is written.
    """
    source = Path(path)
    target = output_paths([source], None if output is None else Path(output))[0]
    request = FramesRequest(
        input=source,
        output=target,
        mode=mode,
        count=count,
        duration_s=None if duration_s is None else Fraction(duration_s),
        at=None if at is None else Fraction(at),
        frames_dir=None if frames_dir is None else Path(frames_dir),
        gif=target.with_suffix(".gif") if gif else None,
        codec=codec,
        crf=crf,
        lossless=lossless,
        encoder_options=encoder_options or {},
        threads=threads,
        overwrite=overwrite,
    )
    request.check_outputs()
    network = load(model, device, precision, threads) if isinstance(model, str) else model
    return predicted_frames(request, network, progress)


def predicted_frames(
    request: FramesRequest, network: NextFrames, advance: Advance = silent
) -> FramesResult:
    """Do what `request` asks for and return what was done; errors as in `predict_frames`."""
    start = perf_counter()
    request.check_outputs()
    with open_video(request.input, request.threads) as reader:
        container_for(request.output)
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


def _goes_on(result: FramesResult) -> str:
    if result.context_end is None:
        return ""
    return f"; the prediction goes on from its frame at {clock(result.context_end)}"


def planned_frames(request: FramesRequest, model: str) -> FramesResult:
    """Return what `predicted_frames` would do, as far as the header tells; nothing is written.

    Raises `UnreadableMedia`, `UnsupportedCodec` for an unknown suffix, and `UnknownModel`.
    """
    find_model(model)
    info = probe(request.input)
    container_for(request.output)
    step = 1 / info.average_rate
    if request.at is not None and info.duration_s is not None:
        require_not_behind(info, request.at, Fraction(info.duration_s) - step, step)
    count = request.count
    if request.duration_s is not None:
        count = frames_in(request.duration_s, step)
    if request.mode == "next":
        count = max(0, (info.frame_count or 0) - FEWEST_FRAMES)
    height, width = info.size
    return FramesResult(
        input=request.input,
        output=request.output,
        mode=request.mode,
        model=model,
        size=(height, 3 * width if request.mode == "side-by-side" else width),
        predicted_count=count,
        how=f"would predict {counted(count, 'frame')} of {width}x{height}",
        warnings=tuple(source_notes(info)),
        frames_dir=request.frames_dir,
        gif=request.gif,
        table=request.table,
        plot=request.plot,
    )


class _Continuation:
    """The predicted frames with their times, made one after another and shown as pictures too."""

    def __init__(
        self,
        request: FramesRequest,
        reader: VideoReader,
        network: NextFrames,
        pictures: Pictures,
        advance: Advance,
    ) -> None:
        info = reader.info
        until = None if request.at is None else info.start_time + request.at
        start = perf_counter()
        self.context = context_of(reader, network.context_frames, until)
        self.decode_s = perf_counter() - start
        self.step = self.context.step(1 / info.average_rate)
        self.count = request.count
        if request.duration_s is not None:
            self.count = frames_in(request.duration_s, self.step)
        self._network, self._pictures, self._advance = network, pictures, advance
        self._predict_s_before = network.seconds

    def images(self, first_time: Fraction) -> Iterator[tuple[Tensor, Fraction]]:
        """Yield each predicted image and its time; the first is at `first_time` s."""
        clip, times = self.context.clip(), self.context.times
        for image, time in zip(clip[0], times, strict=True):
            self._pictures.add_to_gif(image, time - times[-1])
        for number, image in enumerate(self._network.after(clip, self.count)):
            self._pictures.add(image, (number + 1) * self.step)
            yield image, first_time + number * self.step
            self._advance(number + 1, self.count)

    def result(
        self, request: FramesRequest, reader: VideoReader, first_time: Fraction
    ) -> FramesResult:
        """Return what is known once all frames are made."""
        return FramesResult(
            input=request.input,
            output=request.output,
            mode=request.mode,
            model=self._network.name,
            size=reader.info.size,
            predicted_times=tuple(first_time + k * self.step for k in range(self.count)),
            predicted_count=self.count,
            context_frames=len(self.context),
            context_end=self.context.times[-1] - reader.info.start_time,
            truncated=reader.truncated,
            warnings=cut_notes(self.context, reader.info),
            frames_dir=request.frames_dir,
            gif=request.gif,
            seconds={
                "decode": self.decode_s,
                "predict": self._network.seconds - self._predict_s_before,
            },
        )


def _appended(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    cut_after = None if request.at is None else reader.info.start_time + request.at
    with open_pictures(request, reader.info) as pictures:
        ahead = _Continuation(request, reader, network, pictures, advance)
        first_time = ahead.context.times[-1] + ahead.step
        with atomic_output(request.output, request.overwrite) as partial:
            report = append_frames(
                request.input,
                partial,
                ahead.images(first_time),
                encoding_options(request),
                cut_after,
            )
            deep = reader.info.bit_depth > 8
            notes = depth_notes(reader.info, probe(partial).bit_depth) if deep else ()
            pictures.number_from(report.frames_kept)
    kept = "copied" if report.packet_copied else "encoded again"
    result = ahead.result(request, reader, first_time)
    return replace(
        result,
        warnings=(*result.warnings, *notes),
        first_index=report.frames_kept,
        packets_copied=report.packet_copied,
        how=f"{counted(report.frames_added, 'frame')} behind {report.frames_kept}, {kept}: "
        f"{report.reason}",
        truncated=report.truncated or result.truncated,
        dropped=report.dropped,
    )


def _only_predicted(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    info = reader.info
    with open_pictures(request, reader.info) as pictures:
        ahead = _Continuation(request, reader, network, pictures, advance)
        with new_video(request, info, info.size, 1 / ahead.step) as writer:
            for image, time in ahead.images(Fraction(0)):
                writer.write(image, time)
    result = ahead.result(request, reader, Fraction(0))
    return replace(
        result,
        warnings=(*result.warnings, *depth_notes(info, writer.bit_depth)),
        how=f"{counted(ahead.count, 'frame')} predicted from {len(ahead.context)}",
        dropped=left_out(info, writer),
    )


_MODES: dict[Mode, Callable[..., FramesResult]] = {
    "append": _appended,
    "only": _only_predicted,
    "next": every_next_frame,
    "side-by-side": side_by_side,
}
