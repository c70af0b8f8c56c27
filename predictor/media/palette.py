"""Reduce pictures to the colours of a GIF, each to a palette of its own, in a single pass."""

from fractions import Fraction

import av


class PaletteReducer:
    """Reduces ``bgra`` frames of `size` ``(height, width)`` to their 256 best colours."""

    def __init__(self, size: tuple[int, int]) -> None:
        height, width = size
        self._graph = av.filter.Graph()
        shape = av.VideoFormat("bgra")
        source = self._graph.add_buffer(
            width=width, height=height, format=shape, time_base=Fraction(1, 100)
        )
        split = self._graph.add("split")
        chosen = self._graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        drawn = self._graph.add("paletteuse", "new=1:dither=sierra2_4a")
        source.link_to(split)
        split.link_to(drawn, 0, 0)
        split.link_to(chosen, 1, 0)
        chosen.link_to(drawn, 0, 1)
        drawn.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def reduced(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return `frame` as ``pal8``, dithered by error diffusion."""
        self._graph.vpush(frame)
        return self._graph.vpull()
