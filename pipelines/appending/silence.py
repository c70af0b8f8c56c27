"""Silence after the end of a sound, in containers that end with any of their streams."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av

from pipelines.appending.joins import AnyPacket
from pipelines.appending.packet_times import packet_seconds

ENDING_WITH_ANY = {"mxf"}
"""Containers whose muxer leaves out all that comes after the end of any of the streams."""
_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_s24le": 3}
"""All sound that these containers take."""


@dataclass
class Sound:
    """How much of a sound without compression has been written, and when it ends in s."""

    stream: av.AudioStream
    bytes_written: int = 0
    end: Fraction = Fraction(0)

    def add(self, packet: AnyPacket) -> None:
        self.bytes_written += packet.size
        ticks = (packet.dts or 0) + (packet.duration or 0)
        self.end = packet_seconds(packet, ticks)

    def silence(self, end: Fraction) -> Iterator[AnyPacket]:
        """Yield packets, of a second at most, after which there is sound for `end` s."""
        rate = self.stream.codec_context.sample_rate
        block = self.stream.codec_context.channels * _SAMPLE_BYTES[self.stream.codec.name]
        missing = math.ceil(end * rate) * block - self.bytes_written
        while missing > 0:
            packet = av.Packet(bytes(min(missing, rate * block)))
            packet.stream, packet.time_base = self.stream, Fraction(1, rate)
            packet.dts = packet.pts = math.ceil(self.end * rate)
            packet.duration = packet.size // block
            missing -= packet.size
            self.add(packet)
            yield packet
