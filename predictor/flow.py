"""Dense motion between frames, warps along it, and the classical extrapolation built on both.

A flow is ``(N, 2, H, W)`` float32 in pixels: ``first(x) = second(x + flow(x))``, channel 0 along x
(to the right), channel 1 along y (down).
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.errors import TensorContractError
from predictor.pyramidal_flow import pyramidal_flow
from predictor.tensors import constants, require_clip, require_images
from predictor.warping import warped

__all__ = ["constant_velocity", "dense_flow", "luma", "searched_flow", "warped"]

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # BT.601, what the optical-flow literature calls grey
SMALLEST_SIDE_PX = 32  # DIS searches 8-pixel patches over a pyramid and fails on smaller frames


def luma(images: Tensor) -> Tensor:
    """Return the brightness ``(N, 1, H, W)`` of RGB images ``(N, 3, H, W)`` in the same range."""
    weights = constants(images, LUMA_WEIGHTS).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def dense_flow(first: Tensor, second: Tensor, finest_scale: int = 1) -> Tensor:
    """Return the flow ``(N, 2, H, W)`` from `first` to `second`, both ``(N, 3, H, W)`` in [-1, 1].

    On the processor: dense inverse search with variational refinement at OpenCV's medium preset
    (Kroeger et al. 2016), patches searched down to ``1 / 2**finest_scale`` of the size; 0 takes
    four times as long as the preset's 1 and is worth 0.09 dB of constant velocity on training
    clips. On any other device, where frames would have to be copied to be searched:
    `pyramidal_flow`, always down to the full size, which was compared with the search on a
    processor only. No gradient flows through it. Raises `TensorContractError` when the two differ
    in shape.
    """
    require_images(first, "first")
    if first.shape != second.shape:
        raise TensorContractError(
            f"first is {tuple(first.shape)}, second is {tuple(second.shape)}, expected the same"
        )
    grey, other = ((luma(images.detach().float()) + 1) * 127.5 for images in (first, second))
    if first.device.type != "cpu":
        return pyramidal_flow(grey, other)
    return _inverse_search(grey, other, finest_scale)


def _inverse_search(first: Tensor, second: Tensor, finest_scale: int) -> Tensor:
    levels = [grey.round().clamp(0, 255).to(torch.uint8)[:, 0].numpy() for grey in (first, second)]
    if len(first) == 1:
        flows = [searched_flow(levels[0][0], levels[1][0], finest_scale)]
    else:
        with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
            flows = list(pool.map(searched_flow, *levels, itertools.repeat(finest_scale)))
    return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous()


def searched_flow(
    first: NDArray[np.uint8], second: NDArray[np.uint8], finest_scale: int = 1
) -> NDArray[np.float32]:
    """Return the flow ``(H, W, 2)`` between grey pictures ``(H, W)`` of any size.

    By dense inverse search, as `dense_flow` on the processor.
    """
    # one searcher a call: it keeps buffers and must not be shared between threads
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(finest_scale)
    height, width = first.shape
    below, right = max(0, SMALLEST_SIDE_PX - height), max(0, SMALLEST_SIDE_PX - width)
    edge = cv2.BORDER_REPLICATE
    pair = [cv2.copyMakeBorder(grey, 0, below, 0, right, edge) for grey in (first, second)]
    flow: NDArray[np.float32] = search.calc(*pair, None)  # type: ignore[call-overload] # its stub lacks None
    return flow[:height, :width]


def constant_velocity(clip: Tensor, count: int = 1) -> Tensor:
    """Return `count` frames ``(N, count, 3, H, W)`` that go on as the last two of `clip` moved.

    Each is the frame before it warped by the flow between the last two: the classical
    extrapolation that a predictor is measured against. Warping anew each step softens the picture
    and is the stronger baseline: on the validation clips it is ahead of the last frame warped by
    `count` times the flow, and of a new estimate for every step.
    """
    require_clip(clip)
    if clip.shape[1] < 2:
        raise TensorContractError(f"clip has {clip.shape[1]} frames, expected at least 2")
    flow = dense_flow(clip[:, -1], clip[:, -2])
    frames = [clip[:, -1]]
    for _ in range(count):
        frames.append(warped(frames[-1], flow))
    return torch.stack(frames[1:], dim=1)
