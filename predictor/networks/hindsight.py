"""How well extrapolation would have predicted the frames of the context, as input of a predictor.

Every frame of a clip but the first two could have been extrapolated from those before it. The error
of that, near each pixel and over the whole frame, tells steady motion from motion that stops or
turns.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from predictor.warping import warped

ERROR_FLOOR = 1e-6  # added to squared luma errors of images in [-1, 1] before a logarithm: 66 dB
RECENT = 0.7  # weight of the error one frame ago; the rest is for the error two frames ago
WHOLE_FRAME = 0.6  # weight of the whole frame's error; the rest is for that around the pixel
PLANES_A_FRAME = 4  # see `history_planes`


def hindsight_trust(errors: Tensor) -> Tensor:
    """Return logits ``(N, 3, h, w)`` of blend weights for three candidates, by their past errors.

    The candidates are the last frame moved, the one before it moved, and the last frame as it is.
    `errors` ``(N, 4, h, w)`` are the absolute luma errors of extrapolation one and two frames ago
    and of repetition one and two frames ago. Moving and repeating get weights inverse to their
    squared errors, over the whole frame and near the pixel. On the validation clips this blend
    alone is half a decibel ahead of always moving.
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
    log_whole, log_near = (whole + ERROR_FLOOR).log(), (near + ERROR_FLOOR).log()
    log_errors = WHOLE_FRAME * log_whole + (1 - WHOLE_FRAME) * log_near
    moving = log_errors[:, 1:] - log_errors[:, :1]
    # The frame before the last is there for what it alone shows: e^-4 of the last frame's weight.
    return torch.cat([moving, moving - 4, torch.zeros_like(moving)], dim=1)


def history_planes(frames: Sequence[Tensor], flows: Sequence[Tensor], block: int) -> Tensor:
    """Return how well constant velocity would have predicted each frame from the third on.

    `frames` are T grey images ``(N, 1, h, w)``, `flows` T - 1 fields ``(N, 2, h, w)``, each from
    a frame to the one before it, oldest first; h and w are multiples of `block`. The result is
    ``(N, 2 * 4 * (T - 2), h / block, w / block)``. For each frame, oldest first, there are four
    planes of block means, then four of means over the whole frame: the log of the true change, the
    log of how much of it extrapolation explains, the share of the predicted change that came true,
    and the log of the speed.
    """
    count = len(frames) - 2
    sources, velocities = torch.cat([*frames[1:-1]]), torch.cat([*flows[:-1]])
    change = torch.cat([*frames[2:]]) - sources
    predicted = warped(sources, velocities) - sources
    products = [change.square(), predicted.square(), change * predicted]
    speed = velocities.square().sum(dim=1, keepdim=True).sqrt()
    blocks = functional.avg_pool2d(torch.cat([*products, speed], dim=1), block)
    whole = blocks.mean(dim=(2, 3), keepdim=True).expand_as(blocks)
    planes = torch.cat([_summary(blocks), _summary(whole)], dim=1)
    return torch.cat(planes.chunk(count), dim=1)


def _summary(means: Tensor) -> Tensor:
    """Return the four planes of `history_planes`, scaled to about 1, from means of products."""
    change, predicted, product, speed = means.chunk(4, dim=1)
    unexplained = (change - 2 * product + predicted).clamp_min(0)
    log_change = (change + ERROR_FLOOR).log()
    log_gain = log_change - (unexplained + ERROR_FLOOR).log()
    share = (product / (predicted + ERROR_FLOOR)).clamp(-1, 2)
    return torch.cat([log_change / 3 + 2, log_gain.clamp(-4, 4), share, speed.log1p()], dim=1)
