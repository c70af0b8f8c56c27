"""What the modes share: how their video is encoded, and the notes about its source."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction

from pipelines.frames.context import Context
from pipelines.frames.request import FramesRequest
from pipelines.outputs import atomic_output
from pipelines.timecodes import clock
from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.folder import numbering_notes
from predictor.media.video import VideoInfo


def asked_encoding(request: FramesRequest) -> EncodingOptions:
    """Return how the video that `request` asks for is encoded."""
    return EncodingOptions(
        codec=request.codec,
        crf=request.crf,
        lossless=request.lossless,
        encoder_options=dict(request.encoder_options),
    )


@contextlib.contextmanager
def new_video(
    request: FramesRequest, info: VideoInfo, size: tuple[int, int], rate: Fraction
) -> Iterator[VideoWriter]:
    """Yield the writer of the video that `request` asks for; it appears if the block ends well.

    Raises as `VideoWriter` and `atomic_output` do.
    """
    with (
        atomic_output(request.output, request.overwrite) as partial,
        VideoWriter(partial, info, size, rate, asked_encoding(request)) as writer,
    ):
        yield writer


def source_notes(info: VideoInfo) -> list[str]:
    """Return notes on what of the source the result cannot keep or may have wrong."""
    notes = []
    if info.is_interlaced:
        notes.append("interlaced: its fields are predicted as whole frames")
    if info.has_alpha:
        notes.append("its transparency is dropped")
    if info.path.is_dir():
        notes += numbering_notes(info.path)
    return notes


def depth_notes(info: VideoInfo, written_bits: int) -> tuple[str, ...]:
    """Return the note on a source with more than 8 bits a channel."""
    if info.bit_depth <= 8:
        return ()
    found = f"{info.bit_depth} bits a channel"
    return (f"{found}: predicted in floating point, written with {written_bits}",)


def cut_notes(context: Context, info: VideoInfo) -> tuple[str, ...]:
    """Return the note on a scene cut so near that fewer frames than usual are predicted from."""
    if context.cut_time is None or len(context) == context.length:
        return ()
    cut = clock(context.cut_time - info.start_time)
    return (f"scene cut at {cut}: predicted from the {len(context)} frames after it",)


def left_out(info: VideoInfo, writer: VideoWriter) -> tuple[str, ...]:
    """Return what the source has and an output of `writer`, on another timeline, has not."""
    counts = {
        "audio": info.audio_count,
        "subtitles": info.subtitle_count,
        "chapters": info.chapter_count,
    }
    lost = [name for name, count in counts.items() if count]
    return (*lost, *writer.lost)
