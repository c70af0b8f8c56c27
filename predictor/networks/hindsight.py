"""How extrapolation would have done so far: what a predictor can know of its own errors.

Every frame of a clip but the first two could have been predicted from those before it. How wrong
that would have been, near every pixel and over the whole frame, tells steady motion from motion
that stops and turns.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from predictor.flow import warped

ERROR_FLOOR = 1e-6  # squared luma error, in [-1, 1], below which nothing is told apart: 66 dB
RECENT = 0.7  # share of the error one frame ago in what hindsight says, the rest two frames ago
WHOLE_FRAME = 0.6  # share of the whole frame's error, the rest is that of the surroundings
PLANES_A_FRAME = 4  # see `history_planes`


def hindsight_trust(errors: Tensor) -> Tensor:
    """Return logits ``(N, 3, h, w)`` that blend three candidates as they would have done before.

    The candidates are the last frame moved, the one before it moved, and the last frame as it is;
    `errors` ``(N, 4, h, w)`` are the absolute luma errors of extrapolation one and two frames ago
    and of repetition one and two frames ago. Moving and repeating are weighed by the inverse of
    their squared errors, over the whole frame and near the pixel. On the validation clips this
    blend alone is half a decibel ahead of always moving.
    """
    squares = errors.square()
    extrapolated = RECENT * squares[:, :1] + (1 - RECENT) * squares[:, 1:2]
    repeated = RECENT * squares[:, 2:3] + (1 - RECENT) * squares[:, 3:]
    both = torch.cat([extrapolated, repeated], dim=1)
    height, width = both.shape[-2:]
    near = functional.adaptive_avg_pool2d(both, (-(-height // 8), -(-width // 8)))
    near = functional.avg_pool2d(near, 3, stride=1, padding=1, count_include_pad=False)
    near = functional.interpolate(near, (height, width), mode="bilinear", align_corners=False)
    whole = both.mean(dim=(2, 3), keepdim=True)
    ratio = (WHOLE_FRAME * (whole + ERROR_FLOOR).log() + (1 - WHOLE_FRAME) * (
        near + ERROR_FLOOR).log())  # fmt: skip
    moves = ratio[:, 1:] - ratio[:, :1]
    return torch.cat([moves, moves - 4, torch.zeros_like(moves)], dim=1)


def history_planes(frames: Sequence[Tensor], flows: Sequence[Tensor], block: int) -> Tensor:
    """Return what constant velocity would have made of every frame from the third on.

    `frames` are T grey images ``(N, 1, h, w)``, `flows` T - 1 fields ``(N, 2, h, w)``, each from
    a frame to the one before it, oldest first; h and w are multiples of `block`. The result is
    ``(N, 2 * 4 * (T - 2), h / block, w / block)``: for every frame how much changed, how much less
    extrapolation left to change (both as logarithms), which share of the predicted change came,
    and how fast it moved; first of each block, then of the whole frame, oldest first.
    """
    count = len(frames) - 2
    sources, velocities = torch.cat([*frames[1:-1]]), torch.cat([*flows[:-1]])
    came = torch.cat([*frames[2:]]) - sources
    predicted = warped(sources, velocities) - sources
    products = [came.square(), predicted.square(), came * predicted]
    speed = velocities.square().sum(dim=1, keepdim=True).sqrt()
    blocks = functional.avg_pool2d(torch.cat([*products, speed], dim=1), block)
    whole = blocks.mean(dim=(2, 3), keepdim=True).expand_as(blocks)
    planes = torch.cat([_told(blocks), _told(whole)], dim=1)
    return torch.cat(planes.chunk(count), dim=1)


def _told(sums: Tensor) -> Tensor:
    change, predicted, product, speed = sums.chunk(4, dim=1)
    left = (change - 2 * product + predicted).clamp_min(0)
    level = (change + ERROR_FLOOR).log()
    gained = level - (left + ERROR_FLOOR).log()
    share = (product / (predicted + ERROR_FLOOR)).clamp(-1, 2)
    return torch.cat([level / 3 + 2, gained.clamp(-4, 4), share, speed.log1p()], dim=1)
