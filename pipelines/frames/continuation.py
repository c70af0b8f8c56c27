"""The frames that follow a moment of a clip: appended to the source, or alone."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from time import perf_counter

from torch import Tensor

from pipelines.appending.append import AppendReport, append_frames
from pipelines.frames.context import context_of, is_long_over
from pipelines.frames.pictures import Pictures, open_pictures
from pipelines.frames.prediction import NextFrames
from pipelines.frames.request import FramesRequest
from pipelines.frames.result import FramesResult
from pipelines.frames.video_output import (
    asked_encoding,
    cut_notes,
    depth_notes,
    left_out,
    new_video,
)
from pipelines.outputs import atomic_output
from pipelines.progress import Advance
from pipelines.timecodes import exact_step, frames_in
from predictor.media.video import VideoReader, probe
from predictor.wording import counted


class Continuation:
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
        if not info.is_variable_rate:
            self.step = exact_step(self.step, 1 / info.average_rate, info.time_base)
        last = self.context.times[-1]
        is_held = until is not None and is_long_over(last, until, self.step)
        self.first_time = until if until is not None and is_held else last + self.step
        """Of the first predicted frame; a last frame that is held longer stays until then."""
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
            request=request,
            model=self._network.name,
            size=reader.info.size,
            predicted_times=tuple(first_time + k * self.step for k in range(self.count)),
            predicted_count=self.count,
            context_frames=len(self.context),
            context_end=self.context.times[-1] - reader.info.start_time,
            truncated=reader.truncated,
            warnings=cut_notes(self.context, reader.info),
            seconds={
                "decode": self.decode_s,
                "predict": self._network.seconds - self._predict_s_before,
            },
        )


def appended(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    """Write the source, cut where `request` says so, and after it the predicted frames."""
    cut_after = None if request.at is None else reader.info.start_time + request.at
    with open_pictures(request, reader.info) as pictures:
        ahead = Continuation(request, reader, network, pictures, advance)
        with atomic_output(request.output, request.overwrite) as partial:
            report = append_frames(
                request.input,
                partial,
                ahead.images(ahead.first_time),
                asked_encoding(request),
                cut_after,
            )
            deep = reader.info.bit_depth > 8
            notes = depth_notes(reader.info, probe(partial).bit_depth) if deep else ()
            pictures.number_from(report.frames_kept)
    result = ahead.result(request, reader, ahead.first_time - report.start)
    return replace(
        result,
        warnings=(*result.warnings, *notes),
        first_index=report.frames_kept,
        packets_copied=report.packet_copied,
        how=_how(report),
        truncated=report.truncated or result.truncated,
        dropped=report.dropped,
    )


def _how(report: AppendReport) -> str:
    kept = "encoded again, every sample exact" if report.is_exact else "encoded again"
    if report.packet_copied:
        again = report.frames_encoded_again
        kept = f"copied except for the last {again} before the cut" if again else "copied"
    return (
        f"{counted(report.frames_added, 'frame')} added after "
        f"{counted(report.frames_kept, 'source frame')}, {kept}: {report.reason}"
    )


def only_predicted(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    """Write the predicted frames alone, the first of them at 0 s."""
    info = reader.info
    with open_pictures(request, reader.info) as pictures:
        ahead = Continuation(request, reader, network, pictures, advance)
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
