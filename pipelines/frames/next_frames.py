"""For every frame of a clip its prediction from the frames before it, and how right it was."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction

from torch import Tensor

from pipelines.frames.comparison import FrameScores, frame_psnr_db, frame_ssim, write_table
from pipelines.frames.context import Context
from pipelines.frames.pictures import open_pictures
from pipelines.frames.plots import write_curves
from pipelines.frames.prediction import NextFrames
from pipelines.frames.request import FramesRequest
from pipelines.frames.result import FramesResult
from pipelines.frames.video_output import depth_notes, left_out, new_video
from pipelines.outputs import atomic_output
from pipelines.overlap import Stopwatch, read_ahead, write_behind
from pipelines.progress import Advance
from pipelines.results import counted
from pipelines.timecodes import clock
from predictor.errors import NotEnoughFrames
from predictor.media.video import Frame, VideoReader

_WAITING = 3
"""Frames between two threads; each is 25 MB at 1080p."""

_CUTS_NAMED = 5


def every_next_frame(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    """Write the prediction of every frame at that frame's place, with its scores as CSV and plot.

    A frame with fewer than two frames of its shot before it cannot be predicted: it is passed
    through and its scores are empty. The first frame of a new shot is predicted from the old one,
    and scores as badly as it must. Decoding, predicting and encoding overlap. Raises
    `NotEnoughFrames` where no frame could be predicted.
    """
    info = reader.info
    context, scores = Context(network.context_frames), FrameScores()
    decoding, encoding = Stopwatch(), Stopwatch()
    count, first_index, seconds_before = 0, 0, network.seconds
    assert request.table is not None
    assert request.plot is not None
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(atomic_output(request.table, request.overwrite))
        plot = stack.enter_context(atomic_output(request.plot, request.overwrite))
        pictures = stack.enter_context(open_pictures(request, reader.info))
        with new_video(request, info, info.size, info.average_rate) as writer:

            def write(item: tuple[Frame, Tensor | None]) -> None:
                frame, prediction = item
                time = frame.time - info.start_time
                with encoding.running():
                    if prediction is None:
                        scores.add(time)
                        writer.write(frame.image, time)
                        return
                    psnr_db = frame_psnr_db(prediction, frame.image)
                    pictures.add(prediction, time, number=len(scores.times))
                    scores.add(time, psnr_db, frame_ssim(prediction, frame.image))
                    writer.write(prediction, time)

            with (
                read_ahead(decoding.timed(_converted(reader)), _WAITING) as frames,
                write_behind(write, _WAITING) as written,
            ):
                for number, frame in enumerate(frames):
                    prediction = None
                    if context.is_enough:
                        prediction = next(network.after(context.clip(), 1))
                        first_index = first_index if count else number
                        count += 1
                    written((frame, prediction))
                    context.add(frame)
                    if context.is_cut:
                        scores.cuts.append(number)
                    advance(number + 1, info.frame_count)
            if not count:
                raise NotEnoughFrames(
                    f"{info.path}: has {counted(len(scores.times), 'frame')}, expected at least 3: "
                    "two to predict from and one to compare with"
                )
            write_table(table, scores)
            write_curves(
                plot,
                info.path.name,
                [float(time) for time in scores.times],
                {
                    "PSNR, dB": scores.psnr_db,
                    "SSIM": scores.ssim,
                    "anomaly score": scores.anomaly(),
                },
                [float(scores.times[number]) for number in scores.cuts],
            )
    unpredicted = len(scores.times) - count
    return FramesResult(
        request=request,
        model=network.name,
        size=info.size,
        predicted_count=count,
        first_index=first_index,
        context_frames=context.length,
        how=f"{count} of {len(scores.times)} frames predicted, {unpredicted} passed through",
        truncated=reader.truncated,
        warnings=(*_cuts(scores), *depth_notes(info, writer.bit_depth)),
        dropped=left_out(info, writer),
        comparison=scores.mean(),
        seconds={
            "decode": decoding.seconds,
            "predict": network.seconds - seconds_before,
            "encode": encoding.seconds,
        },
    )


def _converted(frames: VideoReader) -> Iterator[Frame]:
    """Yield `frames` with their pictures made, so that the reading thread makes them."""
    for frame in frames:
        frame.image  # noqa: B018 - made when first asked for
        yield frame


def _cuts(scores: FrameScores) -> tuple[str, ...]:
    if not scores.cuts:
        return ()
    named = ", ".join(clock(Fraction(scores.times[n])) for n in scores.cuts[:_CUTS_NAMED])
    more = f" and {len(scores.cuts) - _CUTS_NAMED} more" if len(scores.cuts) > _CUTS_NAMED else ""
    what = counted(len(scores.cuts), "scene cut")
    return (f"{what} at {named}{more}: the prediction starts again after each",)
