"""The default frame predictor: classical motion, corrected by a network, then warps and a blend.

Dense inverse search gives the motion between the context frames. A small U-Net at a quarter of
the working resolution sees the last frames moved along it, and how wrong the same extrapolation
was at every frame of the context; it corrects the motion and weighs three candidates for every
pixel: the last frame moved, the frame before it moved, and the last frame as it is. A second stage
at half resolution sees the corrected candidates, corrects once more and adds a small residual.
Fresh weights blend the candidates by the errors that they would have made before.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.flow import dense_flow, luma, warped
from predictor.networks.hindsight import PLANES_A_FRAME, hindsight_trust, history_planes
from predictor.tensors import padded_to_multiple, require_clip

CANDIDATES = 3  # the last frame moved, the one before it moved, the last frame as it is
HALF_RESOLUTION_PLANES = 23  # see `_evidence`
SEEN_FRAMES = 4  # the last frames, in full detail; the others only say how steadily it moves


@dataclass(frozen=True)
class MotionConfig:
    """Sizes of the default frame predictor."""

    context: int = 12  # frames looked at
    widths: tuple[int, ...] = (32, 64, 128, 128)  # channels at 1/4, 1/8, 1/16, 1/32
    blocks: tuple[int, ...] = (1, 1, 2, 2)  # residual blocks each way at those resolutions
    refined_width: int = 24  # channels of the second stage, at 1/2
    refined_blocks: int = 2
    working_side_px: int = 560  # frames with a longer short side are estimated at half, quarter, …

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

    def divisor(self, height: int, width: int) -> int:
        """Return by how much motion is estimated smaller than frames of that size: 1, 2, 4, …"""
        divisor = 1
        while min(height, width) > self.working_side_px * divisor:
            divisor *= 2
        return divisor

    @property
    def history_level(self) -> int:
        """The level of the U-Net that is told the errors made so far: 1/16 where there is one."""
        return min(2, len(self.widths) - 1)


class MotionNetwork(nn.Module):
    """Predict the next frame of ``(N, context, 3, H, W)`` in [-1, 1], any size.

    Returns the prediction of the first stage at half the working resolution and the final one at
    ``(N, 3, H, W)``. Where a clip is shorter, its first frame stands for those before it.
    """

    multiple = 1
    factors = (2, 1)
    pixel_range = (-1.0, 1.0)

    def __init__(self, config: MotionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MotionConfig()
        self.context = config.context
        told = 2 * PLANES_A_FRAME * (config.context - 2)
        width = config.widths[config.history_level]
        self.history = nn.Sequential(
            nn.Conv2d(told, width, 1), nn.LeakyReLU(0.1), nn.Conv2d(width, width, 3, padding=1)
        )
        self.coarse = _UNet(
            4 * HALF_RESOLUTION_PLANES, config.widths, config.blocks, config.history_level
        )
        self.coarse_head = _zero(nn.Conv2d(config.widths[0], 4 + CANDIDATES, 3, padding=1))
        self.handed_down = nn.Conv2d(config.widths[0], config.refined_width, 1)
        self.refined_stem = nn.Conv2d(18 + CANDIDATES, config.refined_width, 3, padding=1)
        self.refined = nn.Sequential(
            *(_Residual(config.refined_width) for _ in range(config.refined_blocks))
        )
        # two flow corrections, blend weights, and 2x2 RGB pixels of residual
        self.refined_head = _zero(
            nn.Conv2d(config.refined_width, 4 + CANDIDATES + 12, 3, padding=1)
        )

    @staticmethod
    def evidence(config: MotionConfig, clip: Tensor) -> dict[str, Tensor]:
        """Return the flows that `forward` asks for, for clips ``(..., context, 3, H, W)``.

        Estimated where the clips are: in the processes that load training clips, say.
        """
        frames = clip.reshape(-1, *clip.shape[-4:]).unbind(1)
        divisor = config.divisor(clip.shape[-2], clip.shape[-1])
        flows = {
            "flows": backward_flows(frames[-SEEN_FRAMES:], divisor),
            "older_flows": backward_flows(frames[: 1 - SEEN_FRAMES], 2 * divisor),
        }
        return {
            name: found.reshape(*clip.shape[:-4], *found.shape[1:]) for name, found in flows.items()
        }

    def forward(
        self, clip: Tensor, flows: Tensor | None = None, older_flows: Tensor | None = None
    ) -> list[Tensor]:
        """Return the predictions of both stages, coarse first.

        Flows go from a frame to the one before it, oldest first: between the last four frames,
        `flows` ``(N, 3, 2, h, w)`` at the working resolution; between those before,
        `older_flows` ``(N, context - 4, 2, h', w')`` at half of it. By default they are estimated.
        """
        require_clip(clip)
        frames = [frame.float() for frame in clip.unbind(1)]
        if flows is None or older_flows is None:
            found = self.evidence(self.config, clip.float())
            flows, older_flows = found["flows"], found["older_flows"]
        return self._predictions(frames, flows.unbind(1), older_flows.unbind(1))

    def _predictions(
        self, frames: Sequence[Tensor], flows: Sequence[Tensor], older_flows: Sequence[Tensor]
    ) -> list[Tensor]:
        height, width = frames[-1].shape[-2:]
        working = flows[-1].shape[-2:]
        multiple = self.config.multiple
        small = [
            padded_to_multiple(functional.interpolate(f, working, mode="area"), multiple)
            for f in frames[-SEEN_FRAMES:]
        ]
        padded = small[-1].shape[-2:]
        fields = [padded_to_multiple(f, multiple) for f in flows]
        half = [functional.avg_pool2d(f, 2) for f in small]
        motion = [functional.avg_pool2d(f, 2) / 2 for f in fields]
        evidence, velocity, trust = _evidence(half, motion)
        history = self._history(frames[:-SEEN_FRAMES], half, older_flows, motion)

        features = self.coarse(functional.pixel_unshuffle(evidence, 2), history)
        # corrections grow with the motion they correct: the same network serves any resolution
        reach = 1 + velocity.abs().sum(1, keepdim=True) / 4
        head = _upsampled(self.coarse_head(features).float(), 2)
        last_flow = velocity + head[:, :2] * reach
        previous_flow = 2 * velocity + head[:, 2:4] * reach
        weights = (head[:, 4:] + trust).softmax(dim=1)
        candidates = [warped(half[-1], last_flow), warped(half[-2], previous_flow), half[-1]]
        coarse = _blend(candidates, weights)

        seen = torch.cat([*candidates, coarse - candidates[0], weights,
                          (last_flow - velocity) / 4, (previous_flow - 2 * velocity) / 4,
                          velocity / 4], dim=1)  # fmt: skip
        joined = self.refined_stem(seen) + _upsampled(self.handed_down(features), 2)
        head = self.refined_head(self.refined(joined)).float()
        last_flow = last_flow + head[:, :2] * reach
        previous_flow = previous_flow + head[:, 2:4] * reach
        logits = weights.clamp_min(1e-6).log() + head[:, 4 : 4 + CANDIDATES]
        residual = functional.pixel_shuffle(head[:, 4 + CANDIDATES :], 2)

        def at_full(field: Tensor) -> Tensor:
            """Half the working resolution, padded, to the resolution of the frames."""
            field = _upsampled(field, 2) if field.shape[-2:] != padded else field
            field = field[..., : working[0], : working[1]]
            if working == (height, width):
                return field
            return functional.interpolate(field, (height, width), mode="bilinear")

        scale = frames[-1].new_tensor([2 * width / working[1], 2 * height / working[0]])
        scale = scale.view(1, 2, 1, 1)
        final = _blend(
            [
                warped(frames[-1], at_full(last_flow) * scale),
                warped(frames[-2], at_full(previous_flow) * scale),
                frames[-1],
            ],
            at_full(logits.softmax(1)),
        )
        return [
            coarse[..., : (working[0] + 1) // 2, : (working[1] + 1) // 2],
            (final + at_full(residual)).clamp(-1, 1),
        ]

    def _history(
        self,
        older: Sequence[Tensor],
        half: Sequence[Tensor],
        older_flows: Sequence[Tensor],
        motion: Sequence[Tensor],
    ) -> Tensor:
        """Return features of the errors made so far, at the resolution of `history_level`."""
        multiple = self.config.multiple // 2
        grey = [luma(frame) for frame in half]
        if older:
            size = older_flows[0].shape[-2:]
            reduced = (functional.interpolate(luma(f), size, mode="area") for f in older)
            grey = [*(padded_to_multiple(f, multiple) for f in reduced), *grey]
        fields = [*(padded_to_multiple(f, multiple) for f in older_flows), *motion]
        told: Tensor = self.history(history_planes(grey, fields, 2 * 2**self.config.history_level))
        return told


def backward_flows(frames: Sequence[Tensor], divisor: int) -> Tensor:
    """Return the flows ``(N, T - 1, 2, h, w)`` from each of T frames to the one before it.

    They are estimated at ``1 / divisor`` of the size of `frames`, each ``(N, 3, H, W)``.
    """
    height, width = (max(1, -(-side // divisor)) for side in frames[0].shape[-2:])
    pairs = len(frames) - 1
    if not pairs:
        return frames[0].new_zeros(len(frames[0]), 0, 2, height, width)
    small = [functional.interpolate(f, (height, width), mode="area") for f in frames]
    found = dense_flow(torch.cat(small[1:]), torch.cat(small[:-1]))
    return torch.stack(found.chunk(pairs), dim=1)


def _evidence(half: Sequence[Tensor], motion: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the planes that the first stage sees, the velocity, and the trust in each candidate.

    The planes ``(N, 23, h, w)``: nine of the last three frames moved to the next moment, three of
    the last frame as it is, five of errors made so far (of the flow, of extrapolation one and two
    frames ago, of repetition one and two frames ago), six of motion. The velocity is
    ``(N, 2, h, w)``, the trust ``(N, 3, h, w)`` as logits.
    """
    _, older, previous, last = half
    older_flow, previous_flow, last_flow = motion
    velocity = last_flow
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
    return sum(
        (c * w for c, w in zip(candidates, weights.chunk(CANDIDATES, dim=1), strict=True)),
        start=torch.zeros_like(candidates[0]),
    )


def _upsampled(planes: Tensor, factor: int) -> Tensor:
    return functional.interpolate(planes, scale_factor=factor, mode="bilinear", align_corners=False)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(
            functional.leaky_relu(self.first(functional.leaky_relu(x, 0.1)), 0.1)
        )


class _UNet(nn.Module):
    def __init__(
        self, planes: int, widths: Sequence[int], blocks: Sequence[int], told_level: int
    ) -> None:
        super().__init__()
        self.told_level = told_level
        self.stem = nn.Conv2d(planes, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.everywhere = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(widths[-1], widths[-1], 1),
        )
        self.on_the_way_down = nn.ModuleList(
            _stack(w, n) for w, n in zip(widths, blocks, strict=True)
        )
        self.on_the_way_up = nn.ModuleList(
            _stack(w, n) for w, n in zip(widths[:-1], blocks[:-1], strict=True)
        )

    def forward(self, planes: Tensor, told: Tensor) -> Tensor:
        """Return features at the resolution of `planes`; `told` joins at its own, lower one."""
        x = self.stem(planes)
        kept = []
        for level, blocks in enumerate(self.on_the_way_down):
            x = blocks(x + told if level == self.told_level else x)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](x)
        x = x + self.everywhere(x.mean(dim=(2, 3), keepdim=True))
        for level in reversed(range(len(self.up))):
            x = kept[level] + _upsampled(self.up[level](x), 2)
            x = self.on_the_way_up[level](x)
        return x


def _stack(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Residual(width) for _ in range(count)))
