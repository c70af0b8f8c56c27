"""Open a file as a video container, or say in words why it is none, and read its packets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from predictor.errors import UnreadableVideo

# PyAV 18 fails on tags that are not UTF-8 unless it is told; 19 has no such argument.
_TAGS_NOT_UTF8: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)
_NOT_VIDEO = ("tty", "image2", "bin", "xbin", "adf", "idf")  # text and art that FFmpeg would draw


def opened(path: Path) -> InputContainer:
    """Return the container at `path`, open for reading.

    Only local files are opened, also from playlists inside `path`. Raises `UnreadableVideo` for a
    file that is missing, empty, text, a still picture, or cut off before its index.
    """
    if not path.exists():
        raise UnreadableVideo(f"{path} does not exist")
    if not path.is_file():  # a pipe is gone after one reading, a folder is none
        raise UnreadableVideo(f"{path} is not a regular file, expected a video")
    try:
        if path.stat().st_size == 0:
            raise UnreadableVideo(f"{path} is empty, expected a video")
        # The protocol is named because FFmpeg would take "a:b.mp4" for protocol "a".
        container = av.open(
            f"file:{path}",
            "r",
            container_options={"protocol_whitelist": "file"},
            **_TAGS_NOT_UTF8,
        )
    except UnreadableVideo:
        raise
    except (av.FFmpegError, OSError) as error:
        raise UnreadableVideo(f"{path} is not a readable video: {_reason(path, error)}") from error
    name = container.format.name
    if name in _NOT_VIDEO or name.endswith("_pipe"):
        container.close()
        what = "a still picture" if name.endswith("_pipe") else "not a video"
        if name == "webp_pipe":
            what = "WebP, of which no animation is read"
        raise UnreadableVideo(f"{path} is {what}, expected a video or a folder of pictures")
    return container


def _reason(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError:
        start = b""
    if start[4:8] == b"ftyp":
        return "its index (moov) is missing, the file was cut off"
    if start and all(byte >= 32 or byte in b"\t\n\r\f" for byte in start):
        return "it is a text file"
    return str(getattr(error, "strerror", None) or error)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first stream of moving pictures; a cover picture is none.

    Raises `UnreadableVideo` that says what is there instead, or that no decoder knows the codec.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not streams:
        kinds = [stream.type for stream in container.streams]
        found = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
        raise UnreadableVideo(f"{path} has no video stream, only {found or 'nothing'}")
    stream = streams[0]
    if stream.codec_context is None:
        raise UnreadableVideo(f"{path} has a video codec that cannot be decoded here")
    return stream


def read_packets(container: InputContainer, *streams: Stream) -> "Iterator[av.Packet[Any]]":
    """Yield the packets of `streams`, then an empty one for each, which ends its decoder.

    PyAV before 19 raises after the last packet where a stream appeared midway (FLV, MPEG-TS, or
    damage that looks like one); by then all has been read.
    """
    try:
        yield from container.demux(*streams)
    except IndexError:
        return
