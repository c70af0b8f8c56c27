"""What the outputs have in common: how they are encoded, and what is said about their source."""

from pipelines.context import Context
from pipelines.requests import FramesRequest
from pipelines.timecodes import clock
from predictor.media.encoding import EncodingOptions
from predictor.media.video import VideoInfo


def encoding_options(request: FramesRequest) -> EncodingOptions:
    """Return how the video that `request` asks for is encoded."""
    return EncodingOptions(
        codec=request.codec,
        crf=request.crf,
        lossless=request.lossless,
        encoder_options=dict(request.encoder_options),
    )


def source_notes(info: VideoInfo) -> list[str]:
    """Return what a user should know of the source, since the result cannot keep it."""
    notes = []
    if info.is_interlaced:
        notes.append("interlaced: its fields are predicted as whole frames")
    if info.has_alpha:
        notes.append("its transparency is dropped")
    return notes


def cut_notes(context: Context) -> tuple[str, ...]:
    """Return what is to be said about a scene cut just before the prediction."""
    if context.cut_time is None or len(context) == context.length:
        return ()
    cut = clock(context.cut_time)
    return (f"scene cut at {cut}: predicted from the {len(context)} frames after it",)


def lost_streams(info: VideoInfo) -> tuple[str, ...]:
    """Return the streams of the source that an output on another timeline does not have."""
    counts = {
        "audio": info.audio_count,
        "subtitles": info.subtitle_count,
        "chapters": info.chapter_count,
    }
    return tuple(name for name, count in counts.items() if count)
