"""Which pixels move, by two readings of Mathieu et al. 2016; flows are ``(N, 2, H, W)`` in pixels.

What the authors did is not fully known: their script reads pictures of flows from their data, the
flow behind them and how the pictures were scaled are not published.
"""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.utils import flow_to_image

from predictor.errors import TensorContractError

_DARK = 51  # 0.2 of 255


def moving_by_flow_color(flow: Tensor) -> Tensor:
    """Return where the picture of `flow` has a red, green or blue under 0.2, ``(N, 1, H, W)`` bool.

    The picture is Middlebury's colour wheel, white at rest and scaled by the fastest pixel of each
    example, so a pixel moves if it is faster than about 0.8 of that; where nothing moves at all,
    none does. This is the reading of the official test script.
    """
    _require_flow(flow)
    pictures = torch.stack([_flow_picture(one) for one in flow.detach().float()])
    return (pictures < _DARK).any(dim=1, keepdim=True)


def moving_by_speed(flow: Tensor, threshold_px: float = 0.2) -> Tensor:
    """Return where `flow` is longer than `threshold_px` pixels, ``(N, 1, H, W)`` bool.

    This is the reading of the paper's description; its unit is not given.
    """
    _require_flow(flow)
    return torch.linalg.vector_norm(flow, dim=1, keepdim=True) > threshold_px


def _flow_picture(flow: Tensor) -> Tensor:
    # torchvision scales a batch by its fastest pixel, hence one by one; and that pixel's speed may
    # round to just over 1, where its darkest channel wraps from 0 to 255. So a pixel beside the
    # picture is made a little faster than all others, and cut off again.
    fastest = torch.linalg.vector_norm(flow, dim=0).max()
    beside = functional.pad(flow, (0, 1))
    beside[0, :, -1] = fastest * (1 + 1e-5)
    return flow_to_image(beside)[..., :-1]


def _require_flow(flow: Tensor) -> None:
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise TensorContractError(f"flow has shape {tuple(flow.shape)}, expected (N, 2, H, W)")
