"""Dense optical flow between frames, and the classical extrapolation along it.

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

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # BT.601, the grey of the optical-flow literature
SMALLEST_SIDE_PX = 32  # the search matches patches of 8 pixels over a pyramid; smaller frames fail


def luma(images: Tensor) -> Tensor:
    """Return the luma ``(N, 1, H, W)`` of RGB images ``(N, 3, H, W)``, in their range."""
    weights = constants(images, LUMA_WEIGHTS).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def dense_flow(first: Tensor, second: Tensor, finest_scale: int = 1) -> Tensor:
    """Return the flow ``(N, 2, H, W)`` from `first` to `second`, both ``(N, 3, H, W)`` in [-1, 1].

    On a CPU: dense inverse search with variational refinement at OpenCV's medium preset (Kroeger et
    al. 2016), down to ``1 / 2**finest_scale`` of the size. Full size (0) takes four times as long
    as the preset's 1, and improves constant velocity by 0.09 dB on training clips. On other
    devices: `pyramidal_flow`, always down to full size, which avoids copying the frames; the two
    were compared on a CPU only. No gradient flows through the result. Raises `TensorContractError`
    where the shapes differ.
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
    """Return the flow ``(N, 2, H, W)`` between grey frames ``(N, 1, H, W)`` in [0, 255]."""
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

    By dense inverse search, as in `dense_flow` on a CPU.
    """
    # one object for each call: it keeps buffers and must not be shared between threads
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(finest_scale)
    height, width = first.shape
    below, right = max(0, SMALLEST_SIDE_PX - height), max(0, SMALLEST_SIDE_PX - width)
    edge = cv2.BORDER_REPLICATE
    pair = [cv2.copyMakeBorder(grey, 0, below, 0, right, edge) for grey in (first, second)]
    flow: NDArray[np.float32] = search.calc(*pair, None)  # type: ignore[call-overload] # its stub lacks None
    return flow[:height, :width]


def constant_velocity(clip: Tensor, count: int = 1) -> Tensor:
    """Return `count` frames ``(N, count, 3, H, W)`` that continue the last motion of `clip`.

    Each is the frame before it, warped by the flow between the last two frames of the clip: the
    classical extrapolation that a predictor is measured against. Repeated warping blurs, but is the
    stronger baseline: on the validation clips it is ahead of warping the last frame once by a
    multiple of the flow, and of estimating a new flow for every step. Raises `TensorContractError`
    for fewer than two frames.
    """
    require_clip(clip)
    if clip.shape[1] < 2:
        raise TensorContractError(f"clip has {clip.shape[1]} frames, expected at least 2")
    flow = dense_flow(clip[:, -1], clip[:, -2])
    frames = [clip[:, -1]]
    for _ in range(count):
        frames.append(warped(frames[-1], flow))
    return torch.stack(frames[1:], dim=1)
