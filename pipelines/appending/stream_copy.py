"""Copy the streams of one container into another, packet by packet and unchanged."""

import contextlib
import io
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import av
from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.stream import Disposition, Stream

from pipelines.appending.joins import AnyPacket, ContinuedPackets
from pipelines.appending.packet_times import demuxed, packet_seconds
from pipelines.appending.silence import ENDING_WITH_ANY, Sound
from predictor.errors import OutputNotWritten
from predictor.media.codecs import (
    container_for,
    muxer_options,
    pixel_format_for,
    usual_codec,
)
from predictor.media.encoders import encoder_for
from predictor.media.info import VideoInfo
from predictor.media.opening import opened, read_packets, video_stream

if TYPE_CHECKING:
    from av.container.core import Chapter  # described in the stubs only

_WITH_PICTURES = {"mp4", "mov"}
"""Containers that take a cover picture as a stream of its own."""
_WITH_EDIT_LISTS = {"mp4", "mov", "3gp", "3g2"}
"""Containers that hide what lies before 0; others have no such times."""
_WITH_LENGTHS = _WITH_EDIT_LISTS | {"matroska"}
"""Containers whose units of H.264 and HEVC carry their length instead of a start code; so do those
of FLV, which cannot hold the reordered ones of others."""
_SOUND_OF_MPEGTS = {"aac", "aac_latm", "ac3", "dts", "eac3", "mp1", "mp2", "mp3", "opus"} | {
    "s302m",
    "truehd",
}
"""What MPEG-TS has names for; its muxer takes all else too, as data that no player knows."""
_SOON_S = 1
"""Sound that begins later than that is not looked for: it needs no place before the pictures."""
_TRIAL_SIZE = (576, 720)  # every encoder takes it
_WITH_CHAPTERS = _WITH_EDIT_LISTS | {"matroska", "webm", "ogg", "asf", "wmv"}
_WITH_ANY_TAG = {"matroska", "webm", "ogg"}
_QUICKTIME = "com.apple.quicktime."
"""How the tags begin by which telephones tell of themselves and of the place."""
_STALE_TAGS = ("DURATION", "BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "_STATISTICS_")
"""What matroska says about a stream's old content."""


def created(destination: Path) -> OutputContainer:
    """Return the container at `destination`, of the kind its suffix names, open for writing.

    Raises `UnsupportedCodec` for a suffix that names none.
    """
    muxer, options = container_for(destination), muxer_options(destination)
    return av.open(f"file:{destination}", "w", format=muxer, options=options)


def is_same_container(source: InputContainer, output: OutputContainer) -> bool:
    """Return whether both are of one kind, so that streams look the same in them."""
    return output.format.name in source.format.name.split(",")


def is_same_framing(source: InputContainer, output: OutputContainer) -> bool:
    """Return whether H.264 and HEVC packets of `source` can be stored in `output` as they are.

    So it is in containers of one kind, and between those that keep parameter sets in a header and
    give every unit its length. Source: ISO/IEC 14496-15 section 5.3.
    """
    kinds = set(source.format.name.split(","))
    return is_same_container(source, output) or (
        output.format.name in _WITH_LENGTHS and not kinds.isdisjoint(_WITH_LENGTHS | {"flv"})
    )


def clock_start(info: VideoInfo, output: OutputContainer) -> Fraction:
    """Return the time on the clock of the source `info`, in s, that is to be 0 in `output`.

    Broadcasts do not start at 0. In a container of another kind than the source's, the first
    picture is at 0, or some whole pictures later if sound comes before it, as the first packet of
    AAC does, which only warms up the decoder. In one of the same kind, nothing is shifted.
    """
    if info.path.is_dir():
        return Fraction(0)
    with opened(info.path) as container:
        if is_same_container(container, output):
            return Fraction(0)
        first = Fraction(container.start_time or 0, av.time_base)
        has_edit_lists = output.format.name in _WITH_EDIT_LISTS
        if not has_edit_lists:
            first = min([first, *_first_sounds(container, output.format.name)])
    pictures = max(Fraction(0), info.start_time - first) * info.average_rate
    rounded = math.floor if has_edit_lists else math.ceil
    start = info.start_time - rounded(pictures) / info.average_rate
    start = start // info.time_base * info.time_base
    return start if first < 0 else max(Fraction(0), start)


def _first_sounds(container: InputContainer, muxer: str) -> Iterator[Fraction]:
    """Yield when sounds that `muxer` stores begin, in s, if before 0 or soon after it."""
    waited_for = {stream.index for stream in container.streams.audio if _can_store(muxer, stream)}
    with contextlib.suppress(FFmpegError):  # damage is found, and said, by who reads on
        for packet in read_packets(container) if waited_for else ():
            begin = None if packet.pts is None else packet_seconds(packet, packet.pts)
            if begin is not None and packet.stream.index in waited_for:
                waited_for.remove(packet.stream.index)
                yield begin
            if not waited_for or (begin is not None and begin > _SOON_S):
                return


def is_picture(stream: Stream) -> bool:
    """Return whether `stream` is a cover picture, not a video."""
    return bool(stream.disposition & Disposition.attached_pic)


def _can_store(muxer: str, stream: Stream) -> bool:
    """Return whether the container `muxer` can hold `stream` beside a video.

    Many containers refuse a stream only when the header is written, so that is tried in memory.
    """
    encoder = encoder_for(usual_codec(muxer)).name
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as trial:
            video = trial.add_stream(encoder, rate=25)
            assert isinstance(video, av.VideoStream)
            video.height, video.width = _TRIAL_SIZE
            video.pix_fmt = pixel_format_for(encoder, muxer, "yuv420p", _TRIAL_SIZE)
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def _is_nameless(stream: Stream, output: OutputContainer) -> bool:
    """Return whether `output` would store the sound `stream`, but as data that no player knows."""
    context = stream.codec_context
    if output.format.name != "mpegts" or stream.type != "audio" or context is None:
        return False
    named = _SOUND_OF_MPEGTS | ({"pcm_bluray"} if muxer_options(Path(output.name)) else set())
    return context.codec.canonical_name not in named


def describe_alike(made: Stream, source: Stream) -> None:
    """Give `made` the language, title, other tags and disposition of `source`."""
    made.metadata.update(
        (key, value)
        for key, value in source.metadata.items()
        if not key.upper().startswith(_STALE_TAGS)
    )
    if "name" in source.metadata:  # of MP4, whose muxer writes it from the title
        made.metadata.setdefault("title", source.metadata["name"])
    made.disposition = source.disposition


class StreamCopy:
    """The streams of `source` in `output`, with metadata, chapters, languages and fonts.

    Create it before anything is written to `output`. Streams in `without` are left out; packets
    that begin at `until` s or later are dropped; the time `start` s becomes 0. `dropped` says in
    words what the output lacks, `keeps_ids` whether its streams have the source's numbers (PIDs).
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        without: Iterable[Stream] = (),
        until: Fraction | None = None,
        start: Fraction = Fraction(0),
    ) -> None:
        self._output = output
        self._until = until
        self._start = start
        self._first = _first_time(source)
        self._copies: dict[int, Stream] = {}
        self._sounds: dict[int, Sound] = {}
        self._late: set[str] = set()
        self._dropped: list[str] = []
        skipped = {stream.index for stream in without}
        self._is_same = is_same_container(source, output)
        self.keeps_ids = self._is_same and output.format.name == "mpegts"
        has_chapters = bool(source.chapters())
        for stream in source.streams:
            if stream.index in skipped:
                continue
            # mp4 repeats its chapters as a text track, which the muxer creates itself.
            if stream.type == "data" and has_chapters and _name(stream) == "bin_data":
                continue
            copy = self._added(stream)
            if isinstance(copy, av.VideoStream) and isinstance(stream, av.VideoStream):
                self._tag(copy, stream)
        output.metadata.update(source.metadata)
        if any(key.startswith(_QUICKTIME) for key in source.metadata):
            self._keep_quicktime_tags(output)
        chapters = _chapters(source.chapters(), until, start)
        output.set_chapters(chapters)
        if len(chapters) < len(source.chapters()):
            self._late.add("chapters")
        if chapters and output.format.name not in _WITH_CHAPTERS:
            self._dropped.append("chapters")

    @property
    def sources(self) -> list[int]:
        """Indices of the source's streams that are copied."""
        return list(self._copies)

    @property
    def dropped(self) -> list[str]:
        """What the output lacks, in words."""
        end_s = float((self._until or 0) - self._first)
        return self._dropped + [f"{kind} after {end_s:.3f} s" for kind in sorted(self._late)]

    def copy_of(self, stream: Stream) -> Stream:
        """Return the output's stream for `stream` of the source."""
        return self._copies[stream.index]

    def write(self, packet: AnyPacket) -> None:
        """Write `packet` of the source, unless it begins too late."""
        copy = self._copies[packet.stream.index]
        begin = packet.pts if packet.pts is not None else packet.dts
        ends_at = self._until
        if ends_at is not None and begin is not None and packet_seconds(packet, begin) >= ends_at:
            self._late.add(copy.type)
            return
        ticks = round(self._start / Fraction(packet.time_base or 1))
        if packet.pts is not None:
            packet.pts -= ticks
        if packet.dts is not None:
            packet.dts -= ticks
        if packet.stream.index in self._sounds:
            self._sounds[packet.stream.index].add(packet)
        packet.stream = copy
        self._output.mux(packet)

    def lengthen(self, end: Fraction) -> None:
        """Write silence up to `end` s of the output's time, where pictures need it to be kept."""
        for sound in self._sounds.values():
            for packet in sound.silence(end):
                self._output.mux(packet)

    def _tag(self, copy: av.VideoStream, source: av.VideoStream) -> None:
        """Name the codec as the source does, else HEVC as Apple's players know it, not hev1."""
        if self._is_same:
            copy.codec_context.codec_tag = source.codec_context.codec_tag
        elif source.codec.canonical_name == "hevc" and self._output.format.name in ("mp4", "mov"):
            copy.codec_context.codec_tag = "hvc1"

    def _keep_quicktime_tags(self, output: OutputContainer) -> None:
        if output.format.name in ("mp4", "mov"):
            flags = output.options.get("movflags", "")
            output.options["movflags"] = f"{flags}+use_metadata_tags"
        elif output.format.name not in _WITH_ANY_TAG:
            self._dropped.append("tags of QuickTime")

    def _added(self, stream: Stream) -> Stream | None:
        muxer = self._output.format.name
        if stream.type == "data":
            self._dropped.append(f"data stream {stream.index} ({_name(stream)})")
            return None
        if is_picture(stream) and muxer not in _WITH_PICTURES:
            self._dropped.append("cover picture")
            return None
        is_strange = not self._is_same and stream.type != "video" and not _can_store(muxer, stream)
        if is_strange or _is_nameless(stream, self._output):
            self._dropped.append(f"{stream.type} ({_name(stream)}), which {muxer} cannot store")
            return None
        try:
            copy = self._output.add_stream_from_template(stream, opaque=True)
        except ValueError:
            self._dropped.append(f"{stream.type} ({_name(stream)}), which {muxer} cannot store")
            return None
        describe_alike(copy, stream)
        if self.keeps_ids:
            copy.id = stream.id
        if isinstance(copy, av.VideoStream) and isinstance(stream, av.VideoStream):
            copy.codec_context.framerate = stream.average_rate or Fraction(0)
            copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio or Fraction(0)
        if isinstance(copy, av.AudioStream) and muxer in ENDING_WITH_ANY:
            self._sounds[stream.index] = Sound(copy)
        self._copies[stream.index] = copy
        return copy


class OtherStreams:
    """Copies everything of a source except its video, interleaved with pictures being encoded.

    A context manager. Create it before the first picture is written to `output`. Call `write_due`
    with the time of each picture before that is written, and with None after the last. These are
    the times of `VideoReader`; `start` s is subtracted from all times when they are written. What
    begins at `until` s or later is dropped.
    """

    def __init__(
        self,
        source: Path,
        output: OutputContainer,
        until: Fraction | None = None,
        start: Fraction = Fraction(0),
    ) -> None:
        self._source = source
        self._container = opened(source)
        replaced = video_stream(self._container, source)
        self._copy = StreamCopy(self._container, output, [replaced], until, start)
        made = output.streams.video[0]
        describe_alike(made, replaced)
        for stale in ("alpha_mode", "ENCODER", "encoder", "rotate"):  # not of the new pictures
            made.metadata.pop(stale, None)
        if self._copy.keeps_ids:  # else the muxer may choose a number that another stream has
            made.id = replaced.id
        streams = [self._container.streams[index] for index in self._copy.sources]
        packets = demuxed(self._container, [replaced, *streams]) if streams else iter(())
        self._continued = ContinuedPackets(packets, replaced)
        self._packets = iter(self._continued)
        self._next = next(self._packets, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def dropped(self) -> list[str]:
        """What is missing in the output, in words."""
        overlapping = sorted(self._continued.overlapping)
        return self._copy.dropped + [
            f"{kind} where joined recordings overlap" for kind in overlapping
        ]

    def write_due(self, time: Fraction | None) -> None:
        """Write the packets that come before `time` s, or all that remain.

        Raises `OutputNotWritten` where the container refuses one.
        """
        while self._next is not None:
            if time is not None and packet_seconds(self._next, self._next.dts or 0) > time:
                return
            kind = self._next.stream.type
            try:
                self._copy.write(self._next)
            except (ArgumentError, InvalidDataError) as error:
                raise OutputNotWritten(
                    f"{self._source}: its {kind} cannot be stored there ({error.strerror}); "
                    "another suffix of -o may take it"
                ) from error
            self._next = next(self._packets, None)

    def lengthen(self, end: Fraction) -> None:
        """Write silence up to `end` s of the output's time, where pictures need it to be kept."""
        self._copy.lengthen(end)


def _first_time(source: InputContainer) -> Fraction:
    """Return the time in s of the first picture of the video in `source`, on its own clock."""
    times = (
        stream.start_time * stream.time_base
        for stream in source.streams.video
        if not is_picture(stream) and stream.start_time is not None and stream.time_base is not None
    )
    return next(times, Fraction(0))


def _chapters(
    chapters: "list[Chapter]", until: Fraction | None, start: Fraction
) -> "list[Chapter]":
    """Return the chapters that begin before `until` s, cut off there and counted from `start` s."""
    kept = []
    for chapter in chapters:
        time_base = chapter["time_base"]
        if time_base is not None:
            if until is not None and chapter["start"] * time_base >= until:
                continue
            chapter = chapter.copy()
            if until is not None:
                chapter["end"] = min(chapter["end"], round(until / time_base))
            for edge in ("start", "end"):
                chapter[edge] = max(0, chapter[edge] - round(start / time_base))
        kept.append(chapter)
    return kept


def _name(stream: Stream) -> str:
    context = stream.codec_context
    return context.name if context is not None else getattr(stream, "name", None) or "unknown"
