"""Frames that came, frames that were predicted in their place, and the difference, in one video."""

from collections import deque
from itertools import islice

import torch
from torch import Tensor

from pipelines.frames.comparison import FrameScores, frame_psnr_db, frame_ssim
from pipelines.frames.context import CONTEXT_MEMORY, Context, context_of
from pipelines.frames.pictures import open_pictures
from pipelines.frames.prediction import NextFrames
from pipelines.frames.request import FramesRequest
from pipelines.frames.result import FramesResult
from pipelines.frames.video_output import cut_notes, depth_notes, left_out, new_video
from pipelines.overlap import Stopwatch
from pipelines.progress import Advance
from pipelines.timecodes import frames_in
from predictor.errors import NotEnoughFrames
from predictor.frame_predictor import FEWEST_FRAMES
from predictor.media.video import Frame, VideoReader
from predictor.tensors import DIFFERENCE_GAIN, shown_difference
from predictor.wording import counted


def side_by_side(
    request: FramesRequest, reader: VideoReader, network: NextFrames, advance: Advance
) -> FramesResult:
    """Hold the last frames of the clip out, or those after `request.at`, and predict them.

    The video shows truth, prediction and their difference (`shown_difference`), left to right.
    Raises `NotEnoughFrames` where fewer frames are there than are to be held out.
    """
    info = reader.info
    decoding, encoding, scores = Stopwatch(), Stopwatch(), FrameScores()
    seconds_before = network.seconds
    count = request.count
    if request.duration_s is not None:
        count = frames_in(request.duration_s, 1 / info.average_rate)
    with decoding.running():
        context, held_out = _split(request, reader, network.context_frames, count)
    height, width = info.size
    with (
        open_pictures(request, info) as pictures,
        new_video(request, info, (height, 3 * width), info.average_rate) as writer,
    ):
        start = held_out[0].time
        for number, prediction in enumerate(network.after(context.clip(), count)):
            truth = held_out.popleft()
            with decoding.running():
                image = truth.image
            with encoding.running():
                time = truth.time - start
                shown = abreast(image, prediction)
                scores.add(time, frame_psnr_db(prediction, image), frame_ssim(prediction, image))
                pictures.add(prediction, time, number)
                writer.write(shown, time)
            advance(number + 1, count)
    return FramesResult(
        request=request,
        model=network.name,
        size=(height, 3 * width),
        predicted_times=tuple(scores.times),
        predicted_count=count,
        context_frames=len(context),
        context_end=context.times[-1] - info.start_time,
        how=f"{counted(count, 'frame')} held out: truth, prediction, "
        f"{DIFFERENCE_GAIN} x difference",
        truncated=reader.truncated,
        warnings=(*cut_notes(context, info), *depth_notes(info, writer.bit_depth)),
        dropped=left_out(info, writer),
        comparison=scores.mean(),
        seconds={
            "decode": decoding.seconds,
            "predict": network.seconds - seconds_before,
            "encode": encoding.seconds,
        },
    )


def abreast(truth: Tensor, prediction: Tensor) -> Tensor:
    """Return truth, prediction and their difference as one image ``(3, H, 3 W)`` in [-1, 1]."""
    return torch.cat([truth, prediction.clamp(-1, 1), shown_difference(truth, prediction)], dim=2)


def _split(
    request: FramesRequest, reader: VideoReader, length: int, count: int
) -> tuple[Context, deque[Frame]]:
    """Return the context and the `count` frames after it, not yet converted."""
    info = reader.info
    if request.at is not None:
        until = info.start_time + request.at
        context = context_of(reader, length, until)
        later = (frame for frame in reader.from_time(until) if frame.time > until)
        held_out = deque(islice(later, count))
        if len(held_out) < count:
            raise NotEnoughFrames(
                f"{info.path}: has {counted(len(held_out), 'frame')} after --at, "
                f"expected {count} to hold out"
            )
        return context, held_out
    frames = reader.tail(max(CONTEXT_MEMORY, length) + count)
    if len(frames) < count + FEWEST_FRAMES:
        raise NotEnoughFrames(
            f"{info.path}: has {counted(len(frames), 'frame')}, expected at "
            f"least {count + FEWEST_FRAMES}: {FEWEST_FRAMES} to predict from, {count} to hold out"
        )
    context = Context(length)
    for frame in frames[:-count]:
        context.add(frame)
    context.require_enough(info)
    return context, deque(frames[-count:])
