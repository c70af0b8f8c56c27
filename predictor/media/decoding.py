"""Decode one video stream: seek, go on after damage, and tell what was damaged."""

import contextlib
import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from predictor.media.info import VideoInfo, has_presentation_times, has_swapped_times
from predictor.media.opening import opened, read_packets
from predictor.media.wholeness import lacks_its_end

_HELD_PICTURES = 16  # damaged ones in a row, after which they are passed on all the same
# Containers whose headers say how long they are; FFmpeg guesses it for others from what is there.
_WITH_DURATION = ("matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "avi", "flv", "asf")
# Containers in which a packet ends where the next begins, so that the last may be half a picture.
_UNSIZED_PACKETS = ("mpegts", "gif")

_Packets = Iterator["av.Packet[VideoStream] | None"]


class StreamDecoder:
    """Decodes the stream that `info` names; every reading opens the file anew.

    `threads` is the number of decoding threads, None for as many as are useful.
    """

    def __init__(self, info: VideoInfo, threads: int | None = None) -> None:
        self._info = info
        self._threads = threads
        self._containers: set[InputContainer] = set()
        self._findings: dict[str, str] = {}

    @property
    def damage(self) -> str | None:
        """What was wrong with the parts read so far, in words, or None."""
        return ", ".join(self._findings.values()) or None

    def close(self) -> None:
        """End all readings that are still going on."""
        for container in tuple(self._containers):
            container.close()
        self._containers.clear()

    def frames(self, time: Fraction | None = None) -> Iterator[av.VideoFrame]:
        """Yield frames from the key frame at or before `time` on, or from the first.

        Where a container seeks imprecisely, the first may be later than `time`. Damaged pictures
        are yielded if intact ones follow, as in a broadcast, and left out at the end of the file.
        """
        held: deque[av.VideoFrame] = deque()
        for frame in self._decoded(time):
            held.append(frame)
            if frame.is_corrupt and frame.pts is not None:
                time = frame.pts * self._info.time_base
                self._note("picture", f"a picture is damaged at {self._told(time)}")
            elif frame.is_corrupt:
                self._note("picture", "a picture is damaged")
            if not frame.is_corrupt or len(held) > _HELD_PICTURES:
                yield from held
                held.clear()

    def last_packet_time(self) -> Fraction:
        """Return the time of the last picture, from reading all packets and decoding none."""
        last = self._info.start_time
        with self._opened() as (container, stream):
            for packet in self._packets(container, stream):
                if packet is not None and packet.pts is not None:
                    last = max(last, packet.pts * self._info.time_base)
        return last

    def _decoded(self, time: Fraction | None) -> Iterator[av.VideoFrame]:
        with self._opened() as (container, stream):
            packets = self._packets(container, stream)
            if time is not None:
                try:
                    container.seek(math.floor(time / self._info.time_base), stream=stream)
                except av.FFmpegError:  # the position is now undefined: begin again
                    yield from self._decoded(None)
                    return
                # Without its key frame a packet would decode to nothing or to a damaged picture.
                packets = itertools.dropwhile(lambda packet: not _is_key(packet), packets)
            has_times = has_presentation_times(self._info.container, self._info.codec)
            has_swapped = has_swapped_times(self._info.container, self._info.codec)
            decoding_times: list[int] = []
            for packet in packets:
                if packet is not None and packet.dts is not None and not has_times:
                    heapq.heappush(decoding_times, packet.dts)
                for frame in self._pictures(stream, packet):
                    if decoding_times:
                        frame.pts = heapq.heappop(decoding_times)
                    elif has_swapped and frame.dts is not None:
                        frame.pts = frame.dts  # of the packet whose decoding let it be shown
                    yield frame

    def _pictures(
        self, stream: VideoStream, packet: "av.Packet[VideoStream] | None"
    ) -> list[av.VideoFrame]:
        try:
            return stream.decode(packet)
        except av.EOFError:
            return []
        except (av.FFmpegError, OSError) as error:
            self._note("packet", f"a packet cannot be decoded ({error.strerror})")
            return []

    def _packets(self, container: InputContainer, stream: VideoStream) -> _Packets:
        """Yield the packets of `stream`, then None, which empties the decoder."""
        expected = _declared_end(container, stream)
        is_shared = stream.duration is None and len(container.streams) > 1
        chosen = tuple(container.streams) if is_shared else (stream,)
        packets = read_packets(container, *chosen)
        end, previous, largest_gap = Fraction(0), Fraction(0), 3 / self._info.average_rate
        waiting: av.Packet[VideoStream] | None = None
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, OSError) as error:
                self._note("file", f"it cannot be read on ({error.strerror})")
                break
            if not packet.size:  # the library's own sign of the end, or a repeat in AVI
                continue
            start = packet.pts if packet.pts is not None else packet.dts
            if packet.is_corrupt and packet.stream_index == stream.index:
                self._note("packet", "a packet is damaged")
            if start is not None and packet.time_base:
                time = start * Fraction(packet.time_base)
                end = max(end, time + (packet.duration or 0) * Fraction(packet.time_base))
                if packet.stream_index == stream.index:
                    largest_gap = max(largest_gap, time - previous)
                    previous = max(previous, time)
            if packet.stream_index == stream.index:
                if waiting is not None:
                    yield waiting
                waiting = packet
        tolerance = max(Fraction(1, 5), largest_gap if self._info.is_variable_rate else Fraction(0))
        if waiting is None:  # the seek went beyond the last packet
            return
        if expected is not None and end + tolerance < expected:
            self._note("end", f"it ends at {self._told(end)} of {self._told(expected)}")
        elif lacks_its_end(self._info.path, container.format.name):
            self._note("end", f"it was cut off at {self._told(end)}")
            if container.format.name in _UNSIZED_PACKETS:
                waiting = None  # it may be half a picture, which not every decoder notices
        if waiting is not None:
            yield waiting
        yield None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        with opened(self._info.path) as container:
            stream = container.streams[self._info.stream_index]
            assert isinstance(stream, VideoStream)
            stream.thread_type = "AUTO"
            stream.thread_count = self._threads or 0
            self._containers.add(container)
            try:
                yield container, stream
            finally:
                self._containers.discard(container)

    def _told(self, time: Fraction) -> str:
        """Return `time` in words, counted from the first picture as people do."""
        return f"{float(time - self._info.start_time):.3f} s"

    def _note(self, kind: str, finding: str) -> None:
        self._findings.setdefault(kind, finding)


def _is_key(packet: "av.Packet[VideoStream] | None") -> bool:
    return packet is not None and packet.is_keyframe


def _declared_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return when the header says that the video ends, None where no header says it."""
    if container.format.name not in _WITH_DURATION:
        return None
    if stream.duration is not None and stream.time_base:
        return (stream.duration + (stream.start_time or 0)) * Fraction(stream.time_base)
    return None if container.duration is None else Fraction(container.duration, av.time_base)
