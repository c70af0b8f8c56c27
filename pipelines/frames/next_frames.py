"""Predict every frame of a clip from those before it, and score the predictions."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from pipelines.frames.comparison import FrameScores, frame_psnr_db, frame_ssim, write_table
from pipelines.frames.context import Context
from pipelines.frames.pictures import Pictures, open_pictures
from pipelines.frames.plots import write_curves
from pipelines.frames.prediction import NextFrames
from pipelines.frames.request import FramesRequest
from pipelines.frames.result import FramesResult
from pipelines.frames.video_output import depth_notes, left_out, new_video
from pipelines.outputs import atomic_output
from pipelines.overlap import Stopwatch, read_ahead, write_behind
from pipelines.progress import Advance
from pipelines.timecodes import clock
from predictor.errors import NotEnoughFrames
from predictor.media.encoding import VideoWriter
from predictor.media.video import Frame, VideoReader
from predictor.wording import counted

_WAITING = 3
"""Frames that may wait between two threads; each is 25 MB at 1080p."""

_CUTS_NAMED = 5


def every_next_frame(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    """Write the prediction of every frame in that frame's place, and its scores as CSV and plot.

    A frame with fewer than two frames of its shot before it cannot be predicted: it is passed
    through, and its scores are empty. The first frame of a new shot is predicted from the shot
    before, so that its scores are bad. Decoding, predicting and encoding overlap. Raises
    `NotEnoughFrames` where no frame could be predicted.
    """
    info = reader.info
    context, decoding = Context(network.context_frames), Stopwatch()
    predicted: list[int] = []
    seconds_before = network.seconds
    assert request.table is not None
    assert request.plot is not None
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(atomic_output(request.table, request.overwrite))
        plot = stack.enter_context(atomic_output(request.plot, request.overwrite))
        pictures = stack.enter_context(open_pictures(request, reader.info))
        with new_video(request, info, info.size, info.average_rate) as writer:
            output = _ScoredOutput(writer, pictures, info.start_time)
            scores = output.scores
            with (
                read_ahead(decoding.timed(_converted(reader)), _WAITING) as frames,
                write_behind(output.write, _WAITING) as write,
            ):
                for number, frame in enumerate(frames):
                    prediction = None
                    if context.is_enough:
                        prediction = next(network.after(context.clip(), 1))
                        predicted.append(number)
                    write((frame, prediction))
                    context.add(frame)
                    if context.is_cut:
                        scores.cuts.append(number)
                    advance(number + 1, info.frame_count)
            if not predicted:
                raise NotEnoughFrames(
                    f"{info.path}: has {counted(len(scores.times), 'frame')}, expected at least 3: "
                    "two to predict from and one to compare with"
                )
            write_table(table, scores)
            _write_plot(plot, info.path.name, scores)
    passed_through = len(scores.times) - len(predicted)
    return FramesResult(
        request=request,
        model=network.name,
        size=info.size,
        predicted_count=len(predicted),
        first_index=predicted[0],
        context_frames=context.length,
        how=f"{len(predicted)} of {len(scores.times)} frames predicted, "
        f"{passed_through} passed through",
        truncated=reader.truncated,
        warnings=(*_cuts(scores), *depth_notes(info, writer.bit_depth)),
        dropped=left_out(info, writer),
        comparison=scores.mean(),
        seconds={
            "decode": decoding.seconds,
            "predict": network.seconds - seconds_before,
            "encode": output.encoding.seconds,
        },
    )


class _ScoredOutput:
    """Scores each predicted frame against the one that came, and writes it."""

    def __init__(self, writer: VideoWriter, pictures: Pictures, start_time: Fraction) -> None:
        self.scores, self.encoding = FrameScores(), Stopwatch()
        self._writer, self._pictures, self._start_time = writer, pictures, start_time

    def write(self, item: tuple[Frame, Tensor | None]) -> None:
        """Take a frame and its prediction; a frame without one is passed through."""
        frame, prediction = item
        time = frame.time - self._start_time
        with self.encoding.running():
            if prediction is None:
                self.scores.add(time)
                self._writer.write(frame.image, time)
                return
            psnr_db = frame_psnr_db(prediction, frame.image)
            self._pictures.add(prediction, time, number=len(self.scores.times))
            self.scores.add(time, psnr_db, frame_ssim(prediction, frame.image))
            self._writer.write(prediction, time)


def _write_plot(path: Path, title: str, scores: FrameScores) -> None:
    curves = {
        "PSNR, dB": scores.psnr_db,
        "SSIM": scores.ssim,
        "anomaly score": scores.anomaly(),
    }
    cuts = [float(scores.times[number]) for number in scores.cuts]
    write_curves(path, title, [float(time) for time in scores.times], curves, cuts)


def _converted(frames: VideoReader) -> Iterator[Frame]:
    """Yield `frames` with their images made, so that this is the work of the reading thread."""
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
