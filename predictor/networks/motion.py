"""The default frame predictor: classical motion, corrected by a network, then warps and a blend.

Dense inverse search gives the motion between the context frames. A small U-Net at a quarter of
the working resolution sees the last frames moved along it, and how wrong the same extrapolation
was at every frame of the context; it corrects the motion and weighs three candidates for every
pixel: the last frame moved, the frame before it moved, and the last frame as it is. A second stage
at half resolution sees the corrected candidates, corrects once more and adds a small residual.
Fresh weights blend the candidates by the errors that they would have made before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.cadence import CONTEXT_FRAMES
from predictor.errors import SettingsError
from predictor.flow import luma
from predictor.networks.hindsight import PLANES_A_FRAME, hindsight_trust, history_planes
from predictor.networks.motion_evidence import (
    SEEN_FRAMES,
    MotionEvidence,
    MotionMemory,
    evidence_in,
    flows_after,
)
from predictor.networks.unet import UNet, residual_stack, upsampled, zeroed
from predictor.tensors import constants, padded_to_multiple, require_clip
from predictor.warping import warped

CANDIDATES = 3  # the last frame moved, the one before it moved, the last frame as it is
HALF_RESOLUTION_PLANES = 23  # see `_evidence`


@dataclass(frozen=True)
class MotionConfig:
    """Sizes of the default frame predictor."""

    context: int = CONTEXT_FRAMES  # frames looked at
    widths: tuple[int, ...] = (32, 64, 128, 128)  # channels at 1/4, 1/8, 1/16, 1/32
    blocks: tuple[int, ...] = (1, 1, 2, 2)  # residual blocks each way at those resolutions
    refined_width: int = 24  # channels of the second stage, at 1/2
    refined_blocks: int = 2
    working_side_px: int = 560  # frames with a longer short side are estimated at half, quarter, …

    factors: ClassVar[tuple[int, ...]] = (2, 1)
    """By how much smaller than the target the prediction of each stage is."""

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise SettingsError(f"{len(self.widths)} widths for {len(self.blocks)} blocks")
        if min(*self.widths, self.refined_width, self.working_side_px) < 1:
            raise SettingsError(
                f"widths are {self.widths}, refined_width {self.refined_width}, working_side_px "
                f"{self.working_side_px}, expected 1 or more"
            )
        if self.context < SEEN_FRAMES:
            raise SettingsError(f"context is {self.context}, expected {SEEN_FRAMES} or more")

    @property
    def multiple(self) -> int:
        """What the working height and width are padded to multiples of."""
        return int(2 ** (len(self.widths) + 1))

    def divisor(self, frames: Tensor) -> int:
        """Return by how much smaller than `frames` motion is estimated: 1, 2, 4, …"""
        divisor = 1
        while min(frames.shape[-2:]) > self.working_side_px * divisor:
            divisor *= 2
        return divisor

    @property
    def history_level(self) -> int:
        """The level of the U-Net that gets the features of past errors: 1/16, if it has that."""
        return min(2, len(self.widths) - 1)


class MotionNetwork(nn.Module):
    """Predict the next frame of ``(N, context, 3, H, W)`` in [-1, 1], any size.

    Returns the prediction of the first stage at half the working resolution and the final one at
    ``(N, 3, H, W)``. Where a clip is shorter, its first frame stands for those before it.
    """

    role: ClassVar[str] = "predictor of frames"

    multiple = 1
    pixel_range = (-1.0, 1.0)

    def __init__(self, config: MotionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MotionConfig()
        self.context = config.context
        self.factors = config.factors
        history_planes_in = 2 * PLANES_A_FRAME * (config.context - 2)
        width = config.widths[config.history_level]
        self.history = nn.Sequential(
            nn.Conv2d(history_planes_in, width, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.coarse = UNet(
            4 * HALF_RESOLUTION_PLANES,
            config.widths,
            config.blocks,
            extra_level=config.history_level,
            sees_everywhere=True,
        )
        self.coarse_head = zeroed(nn.Conv2d(config.widths[0], 4 + CANDIDATES, 3, padding=1))
        self.handed_down = nn.Conv2d(config.widths[0], config.refined_width, 1)
        self.refined_stem = nn.Conv2d(18 + CANDIDATES, config.refined_width, 3, padding=1)
        self.refined = residual_stack(config.refined_width, config.refined_blocks)
        # two flow corrections, blend weights, and 2x2 RGB pixels of residual
        self.refined_head = zeroed(
            nn.Conv2d(config.refined_width, 4 + CANDIDATES + 12, 3, padding=1)
        )

    @staticmethod
    def evidence(config: MotionConfig, clip: Tensor) -> dict[str, Tensor]:
        """Return the flows that `forward` asks for, for one clip ``(context, 3, H, W)``.

        It is called in the processes that load training clips.
        """
        found = evidence_in([frame[None] for frame in clip], config.divisor(clip))
        flows = {"flows": found.flows, "older_flows": found.older_flows}
        return {name: torch.cat([*between]) for name, between in flows.items() if between}

    def evidence_after(self, clip: Tensor, evidence: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the flows for `clip`, from those for the clip that it continues by one frame.

        Both are batches, as `forward` takes them. Only motion to the new frame is estimated.
        """
        return flows_after(clip.unbind(1), self.config.divisor(clip), **evidence)

    @staticmethod
    def memory() -> MotionMemory:
        """Return a cache with which `next_frame` reuses work of its earlier calls."""
        return MotionMemory()

    def forward(
        self, clip: Tensor, flows: Tensor | None = None, older_flows: Tensor | None = None
    ) -> list[Tensor]:
        """Return the predictions of both stages, coarse first.

        `flows` ``(N, 3, 2, h, w)`` and `older_flows` ``(N, context - 4, 2, h / 2, w / 2)``, see
        `MotionEvidence`, are estimated where they are not given.
        """
        require_clip(clip)
        frames = [frame.float() for frame in clip.unbind(1)]
        evidence = evidence_in(
            frames,
            self.config.divisor(clip),
            None if flows is None else flows.unbind(1),
            None if older_flows is None else older_flows.unbind(1),
        )
        return self._predictions(frames[-2], frames[-1], evidence)

    def next_frame(self, frames: Sequence[Tensor], memory: MotionMemory) -> Tensor:
        """Return the final prediction from `context` frames, each ``(N, 3, H, W)``."""
        frames = [frame.float() for frame in frames]
        evidence = memory.evidence_in(frames, self.config.divisor(frames[-1]))
        return self._predictions(frames[-2], frames[-1], evidence)[-1]

    def _predictions(self, before: Tensor, last: Tensor, evidence: MotionEvidence) -> list[Tensor]:
        """Return what `forward` returns, from the last two frames and the evidence of all."""
        multiple = self.config.multiple
        half = [_halved(padded_to_multiple(f, multiple)) for f in evidence.small]
        motion = [_halved(padded_to_multiple(f, multiple)) / 2 for f in evidence.flows]
        planes, velocity, trust = _evidence(half, motion)
        history = self._history(evidence, half, motion)

        features = self.coarse(functional.pixel_unshuffle(planes, 2), history)
        # corrections grow with the motion they correct: the same network serves any resolution
        reach = 1 + velocity.abs().sum(1, keepdim=True) / 4
        head = upsampled(self.coarse_head(features).float(), 2)
        last_flow = velocity + head[:, :2] * reach
        previous_flow = 2 * velocity + head[:, 2:4] * reach
        weights = (head[:, 4:] + trust).softmax(dim=1)
        candidates = [warped(half[-1], last_flow), warped(half[-2], previous_flow), half[-1]]
        coarse = _blend(candidates, weights)

        seen = torch.cat([*candidates, coarse - candidates[0], weights,
                          (last_flow - velocity) / 4, (previous_flow - 2 * velocity) / 4,
                          velocity / 4], dim=1)  # fmt: skip
        joined = self.refined_stem(seen) + upsampled(self.handed_down(features), 2)
        head = self.refined_head(self.refined(joined)).float()
        last_flow = last_flow + head[:, :2] * reach
        previous_flow = previous_flow + head[:, 2:4] * reach
        logits = weights.clamp_min(1e-6).log() + head[:, 4 : 4 + CANDIDATES]
        residual = functional.pixel_shuffle(head[:, 4 + CANDIDATES :], 2)

        rows, columns = evidence.small[-1].shape[-2:]
        size, flows = (rows, columns), (last_flow, previous_flow)
        final = _full_size_blend(before, last, size, flows, logits.softmax(1))
        final = final + _at_full_size(residual, 1, size, last)
        return [coarse[..., : (rows + 1) // 2, : (columns + 1) // 2], final.clamp(-1, 1)]

    def _history(
        self, evidence: MotionEvidence, half: Sequence[Tensor], motion: Sequence[Tensor]
    ) -> Tensor:
        """Return features of past errors of extrapolation, at the resolution of `history_level`."""
        multiple = self.config.multiple // 2
        grey = [padded_to_multiple(frame, multiple) for frame in evidence.older_grey]
        flows = [padded_to_multiple(flow, multiple) for flow in evidence.older_flows]
        planes = history_planes(
            [*grey, *map(luma, half)], [*flows, *motion], 2 * 2**self.config.history_level
        )
        features: Tensor = self.history(planes)
        return features


def _evidence(half: Sequence[Tensor], motion: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the planes that the first stage sees, the velocity, and logits of the candidates.

    The planes ``(N, 23, h, w)``: nine of the last three frames moved to the time of the next, three
    of the last frame as it is, five of past errors (of the flow, of extrapolation one and two
    frames ago, of repetition one and two frames ago), six of motion. The velocity is
    ``(N, 2, h, w)``, the logits are ``(N, 3, h, w)``, see `hindsight_trust`.
    """
    _, older, previous, last = half
    older_flow, previous_flow, last_flow = motion
    # what arrives at a pixel moves as it did where it comes from, not as this pixel did; on
    # training clips that is worth 0.07 dB of constant velocity
    velocity = warped(last_flow, last_flow)
    # the motion that the pixels seen here had one and two frames ago
    before = warped(previous_flow, last_flow)
    before_that = warped(older_flow, last_flow + before)
    moved = [warped(last, velocity), warped(previous, 2 * velocity), warped(older, 3 * velocity)]
    errors = torch.cat(
        [
            luma(last - warped(previous, last_flow)),
            luma(last - warped(previous, previous_flow)),
            luma(warped(previous - warped(older, older_flow), last_flow)),
            luma(last - previous),
            luma(previous - older),
        ],
        dim=1,
    )
    errors = warped(errors.abs(), velocity)
    fields = torch.cat([velocity, before - velocity, before_that - before], dim=1) / 8
    planes = torch.cat([*moved, last, 4 * errors, fields], dim=1)
    return planes, velocity, hindsight_trust(errors[:, 1:])


def _blend(candidates: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Return the sum of the candidates ``(N, 3, h, w)`` by their weights ``(N, 3, h, w)``."""
    first, *others = weights.chunk(CANDIDATES, dim=1)
    blend = candidates[0] * first
    for candidate, weight in zip(candidates[1:], others, strict=True):
        blend = torch.addcmul(blend, candidate, weight)
    return blend


def _full_size_blend(
    before: Tensor,
    last: Tensor,
    size: tuple[int, int],
    flows: tuple[Tensor, Tensor],
    weights: Tensor,
) -> Tensor:
    """Return the blend of the candidates at the size of the frames `before` and `last`.

    `flows`, to `last` and to `before`, and `weights` are padded fields at half of the working
    resolution, at which a frame has the height and width `size`.
    """
    rows, columns = size
    height, width = last.shape[-2:]
    scale = constants(last, (2 * width / columns, 2 * height / rows)).view(1, 2, 1, 1)
    last_flow, previous_flow = (_at_full_size(flow * scale, 2, size, last) for flow in flows)
    candidates = [warped(last, last_flow), warped(before, previous_flow), last]
    return _blend(candidates, _at_full_size(weights, 2, size, last))


def _at_full_size(field: Tensor, share: int, size: tuple[int, int], frames: Tensor) -> Tensor:
    """Return a padded field at 1 / `share` of the working resolution `size` at that of `frames`."""
    rows, columns = size
    height, width = frames.shape[-2:]
    field = field.contiguous()  # channels_last is slower here
    if height % rows or width % columns:
        field = upsampled(field, share)[..., :rows, :columns]
        return functional.interpolate(field, (height, width), mode="bilinear")
    return upsampled(field, share * (height // rows))[..., :height, :width]


def _halved(planes: Tensor) -> Tensor:
    return functional.avg_pool2d(planes, 2)
