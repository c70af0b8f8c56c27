"""The inputs of the default frame predictor: downscaled frames and the motion between them.

Each frame is downscaled, and its motion estimated, only once, however many predictions use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from predictor.flow import dense_flow, luma

SEEN_FRAMES = 4  # last frames in full detail; older ones only tell how steady the motion is
FINEST_SCALE = 0  # motion between those is searched down to their full size


@dataclass(frozen=True)
class MotionEvidence:
    """The last frames of clips at the resolution at which motion is estimated, oldest first.

    Flows go from a frame to the one before it.
    """

    small: Sequence[Tensor]
    """The last four frames, ``(N, 3, h, w)``."""

    flows: Sequence[Tensor]
    """Between those, three ``(N, 2, h, w)``."""

    older_grey: Sequence[Tensor]
    """The luma of the frames before, ``(N, 1, h / 2, w / 2)``, rounded up."""

    older_flows: Sequence[Tensor]
    """From the oldest of `small` back through `older_grey`, ``(N, 2, h / 2, w / 2)``."""


def evidence_in(
    frames: Sequence[Tensor],
    divisor: int,
    flows: Sequence[Tensor] | None = None,
    older_flows: Sequence[Tensor] | None = None,
) -> MotionEvidence:
    """Return the evidence in four or more `frames`, each ``(N, 3, H, W)`` in [-1, 1].

    Motion is estimated at ``1 / divisor`` of their size, unless it is given.
    """
    small = [_reduced(frame, divisor) for frame in frames]
    older, seen = small[: 1 - SEEN_FRAMES], small[-SEEN_FRAMES:]
    half = [_reduced(frame, 2) for frame in older]
    return MotionEvidence(
        small=seen,
        flows=backward_flows(seen, FINEST_SCALE) if flows is None else flows,
        older_grey=[luma(frame) for frame in half[:-1]],
        older_flows=backward_flows(half) if older_flows is None else older_flows,
    )


def backward_flows(frames: Sequence[Tensor], finest_scale: int = 1) -> Sequence[Tensor]:
    """Return the flows ``(N, 2, h, w)`` from each of T frames to the one before it, T - 1."""
    if len(frames) < 2:
        return ()
    found = dense_flow(torch.cat([*frames[1:]]), torch.cat([*frames[:-1]]), finest_scale)
    return found.chunk(len(frames) - 1)


def flows_after(
    frames: Sequence[Tensor], divisor: int, flows: Tensor, older_flows: Tensor | None = None
) -> dict[str, Tensor]:
    """Return the flows in `frames` by name, given those in the clip that they continue by a frame.

    Both are as `evidence_in` takes them, ``(N, T, 2, h, w)``. Only the newest are estimated.
    """
    newest = backward_flows([_reduced(frame, divisor) for frame in frames[-2:]], FINEST_SCALE)
    found = {"flows": torch.stack([*flows.unbind(1)[1:], *newest], dim=1)}
    if older_flows is not None:
        grown_old = [
            _reduced(_reduced(frame, divisor), 2)
            for frame in frames[-SEEN_FRAMES - 1 : 1 - SEEN_FRAMES]
        ]
        newest = backward_flows(grown_old)
        found["older_flows"] = torch.stack([*older_flows.unbind(1)[1:], *newest], dim=1)
    return found


class MotionMemory:
    """A cache of the frames of the last clip, for a next clip that shares some of them.

    Frames are recognized by their downscaled pictures, so a clip may be the last one shifted, or
    end in predicted frames. Results equal those of the function `evidence_in`.
    """

    def __init__(self) -> None:
        self._known: list[_Frame] = []

    def evidence_in(self, frames: Sequence[Tensor], divisor: int) -> MotionEvidence:
        """Return the evidence in `frames`, as the function of that name does."""
        known = [self._recalled(_reduced(frame, divisor)) for frame in frames]
        self._known = known
        older, seen = known[: 1 - SEEN_FRAMES], known[-SEEN_FRAMES:]
        return MotionEvidence(
            small=[frame.small for frame in seen],
            flows=[frame.flow_to(before) for before, frame in pairwise(seen)],
            older_grey=[luma(frame.half) for frame in older[:-1]],
            older_flows=[frame.half_flow_to(before) for before, frame in pairwise(older)],
        )

    def _recalled(self, small: Tensor) -> "_Frame":
        mark = float(small.mean())
        for frame in self._known:
            if frame.mark == mark and torch.equal(frame.small, small):
                return frame
        return _Frame(small.clone(), mark)  # a copy: the caller may overwrite its frames


@dataclass(eq=False)
class _Frame:
    """A downscaled frame; its flow is kept together with the picture that it leads to."""

    small: Tensor
    mark: float
    flow: tuple[Tensor, Tensor] | None = None
    half_flow: tuple[Tensor, Tensor] | None = None
    half: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.half = _reduced(self.small, 2)

    def flow_to(self, before: "_Frame") -> Tensor:
        if self.flow is None or self.flow[0] is not before.small:
            self.flow = (before.small, dense_flow(self.small, before.small, FINEST_SCALE))
        return self.flow[1]

    def half_flow_to(self, before: "_Frame") -> Tensor:
        if self.half_flow is None or self.half_flow[0] is not before.half:
            self.half_flow = (before.half, dense_flow(self.half, before.half))
        return self.half_flow[1]


def _reduced(images: Tensor, divisor: int) -> Tensor:
    """Return images downscaled by averaging; height and width are rounded up."""
    if divisor == 1:
        return images
    height, width = images.shape[-2:]
    if divisor % 2 or height % 2 or width % 2:
        size = (-(-height // divisor), -(-width // divisor))
        return functional.interpolate(images, size, mode="area")
    # several times as fast as pooling in PyTorch on a CPU
    above = images[..., ::2, ::2] + images[..., ::2, 1::2]
    below = images[..., 1::2, ::2] + images[..., 1::2, 1::2]
    return _reduced((above + below) / 4, divisor // 2)
