"""Put recordings that were joined byte by byte, each with its own clock, on one timeline."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import av

AnyPacket: TypeAlias = "av.Packet[Any]"  # the class takes no parameter at run time

_MOST_WAITING = 1000  # packets: seconds of sound, more than streams are apart in a file


@dataclass
class _Track:
    """How far one stream has come, in its own ticks, and how many joins it has followed."""

    read: int | None = None
    passed: int | None = None
    joins: int = 0
    move: Fraction = Fraction(0)


class ContinuedPackets:
    """The `packets` of all streams but `video`, on the timeline that `VideoReader` makes of it.

    Where the clock of the pictures starts again, `VideoReader` puts the next picture one step after
    the last. The packets of the other streams are shifted by the same amount, in place, so that
    sound stays with its pictures. A packet that would then overlap one before it is left out, and
    the kind of its stream is added to `overlapping`. A stream whose clock starts again without that
    of the pictures is continued after its own last packet. `packets` must be in the order of the
    file and have decoding times. Iterate once.
    """

    def __init__(self, packets: Iterable[AnyPacket], video: av.VideoStream) -> None:
        self.overlapping: set[str] = set()
        self._packets = packets
        self._video = video.index
        self._step = 1 / Fraction(video.average_rate or video.guessed_rate or 25)
        self._tracks: defaultdict[int, _Track] = defaultdict(_Track)
        self._joins = 0
        self._move = Fraction(0)
        self._end: Fraction | None = None
        self._awaits_key = False

    def __iter__(self) -> Iterator[AnyPacket]:
        waiting: list[AnyPacket] = []  # of a recording whose pictures have not begun yet
        for packet in self._packets:
            index, dts = packet.stream.index, packet.dts or 0
            track = self._tracks[index]
            begins_anew = track.read is not None and dts < track.read
            track.read = dts
            if index == self._video:
                joins = self._joins
                self._follow(packet, begins_anew)
                if self._joins == joins:
                    continue
            elif any(other.stream.index == index for other in waiting) or (
                begins_anew and track.joins == self._joins
            ):
                waiting.append(packet)
                if len(waiting) < _MOST_WAITING:
                    continue
            else:
                yield from self._passed(packet, begins_anew)
                continue
            yield from self._released(waiting)
            waiting = []
        yield from self._released(waiting)

    def _follow(self, packet: AnyPacket, begins_anew: bool) -> None:
        """Note the time of a picture; at a join, the first key frame has an earlier time."""
        ticks = packet.pts if packet.pts is not None else packet.dts
        time = (ticks or 0) * Fraction(packet.time_base or 0)
        self._awaits_key = self._awaits_key or begins_anew
        if self._awaits_key:
            if not packet.is_keyframe:
                return
            self._awaits_key = False
            if self._end is not None and time + self._move <= self._end:
                self._move = self._end + self._step - time
                self._joins += 1
        time += self._move
        self._end = time if self._end is None else max(self._end, time)

    def _released(self, packets: list[AnyPacket]) -> Iterator[AnyPacket]:
        begun: set[int] = set()
        for packet in packets:
            yield from self._passed(packet, packet.stream.index not in begun)
            begun.add(packet.stream.index)

    def _passed(self, packet: AnyPacket, begins_anew: bool) -> Iterator[AnyPacket]:
        """Yield `packet`, shifted with its recording, unless it overlaps the one before."""
        track, clock = self._tracks[packet.stream.index], Fraction(packet.time_base or 1)
        if begins_anew and track.joins < self._joins:
            track.joins, track.move = self._joins, self._move
        elif begins_anew and track.passed is not None:
            follows = track.passed + max(1, packet.duration or 0)
            track.move = (follows - (packet.dts or 0)) * clock
        ticks = round(track.move / clock)
        dts = (packet.dts or 0) + ticks
        if track.move and track.passed is not None and dts <= track.passed:
            self.overlapping.add(packet.stream.type)
            return
        track.passed = dts
        packet.dts = dts
        if packet.pts is not None:
            packet.pts += ticks
        yield packet
