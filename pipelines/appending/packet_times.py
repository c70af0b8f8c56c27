"""Read packets with the times that their containers leave out."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Stream

from pipelines.appending.joins import AnyPacket
from predictor.media.info import has_presentation_times
from predictor.media.opening import read_packets


def presented(container: InputContainer, *streams: Stream) -> Iterator[AnyPacket]:
    """Yield the packets of `streams`, those of a video with the times that `VideoReader` has.

    FFmpeg derives late ones for H.264 and HEVC in AVI, which stores none. There, pictures that are
    not reordered are shown when they are decoded.
    """
    for packet in read_packets(container, *streams):
        stream = packet.stream
        if isinstance(stream, av.VideoStream) and not has_presentation_times(
            container.format.name, stream.codec.canonical_name
        ):
            packet.pts = packet.dts
        yield packet


def demuxed(container: InputContainer, streams: Iterable[Stream]) -> Iterator[AnyPacket]:
    """Yield the packets of `streams` with complete decoding times.

    Matroska stores none, and FFmpeg cannot derive them all, such as the first of a stream. The
    missing ones are counted back from the next that is known, or spread evenly before it.
    """
    untimed: dict[int, list[AnyPacket]] = {}
    known: dict[int, int] = {}
    for packet in presented(container, *streams):
        index = packet.stream.index
        if packet.size == 0 and packet.pts is None:
            continue  # the end of a stream
        if packet.dts is None:
            untimed.setdefault(index, []).append(packet)
            continue
        yield from _timed(untimed.pop(index, []), known.get(index), packet.dts)
        known[index] = packet.dts
        yield packet
    for index, packets in untimed.items():
        yield from _timed(packets, known.get(index), None)


def _timed(packets: list[AnyPacket], before: int | None, after: int | None) -> Iterator[AnyPacket]:
    """Yield `packets` with decoding times that lie between `before` and `after`."""
    for number, packet in enumerate(packets, 1):
        step = packet.duration or 1
        if before is not None and after is not None:
            dts = before + (after - before) * number // (len(packets) + 1)
        elif after is not None:
            dts = after - (len(packets) + 1 - number) * step
        elif before is not None:
            dts = before + number * step
        else:
            dts = packet.pts or 0
        packet.dts = dts if packet.pts is None else min(dts, packet.pts)
        yield packet


def packet_seconds(packet: AnyPacket, ticks: int) -> Fraction:
    """Return `ticks` of the clock of `packet` in seconds."""
    return ticks * Fraction(packet.time_base or 0)
