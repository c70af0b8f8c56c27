"""Backward warps: ``out(x) = images(x + flow(x))``."""

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.tensors import constants


def warped(images: Tensor, flow: Tensor) -> Tensor:
    """Return ``out(x) = images(x + flow(x))`` by bilinear interpolation, edges repeated.

    `images` are ``(N, C, H, W)``, `flow` is ``(N, 2, H, W)`` in pixels. Differentiable in both;
    float32, also under autocast. Raises `TensorContractError` for shapes that do not fit.
    """
    if images.shape[-2:] != flow.shape[-2:] or flow.shape[1] != 2:
        raise TensorContractError(
            f"images are {tuple(images.shape)}, flow is {tuple(flow.shape)}, "
            "expected (N, C, H, W) and (N, 2, H, W)"
        )
    height, width = images.shape[-2:]
    grid = flow.float().permute(0, 2, 3, 1) + pixel_grid(height, width, flow.device)
    scale = constants(grid, (2 / max(width - 1, 1), 2 / max(height - 1, 1)))
    return functional.grid_sample(
        images.float(), grid * scale - 1, padding_mode="border", align_corners=True
    )


def pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Return the coordinates of every pixel, float32 ``(H, W, 2)``, x first."""
    rows = torch.arange(height, device=device, dtype=torch.float32)
    columns = torch.arange(width, device=device, dtype=torch.float32)
    return torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)], dim=-1)
