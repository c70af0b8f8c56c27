"""Which pixels move, by two readings of Mathieu et al. 2016; flows are ``(N, 2, H, W)`` in pixels.

The authors' own rule is not fully known: their script reads colour-coded flows from their data, but
neither the flow method nor the scale of the colours is published.
"""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.utils import flow_to_image

from predictor.errors import TensorContractError

_DARK = 51  # 0.2 of 255


def moving_by_flow_color(flow: Tensor) -> Tensor:
    """Return where a channel of the colour-coded `flow` is below 0.2 of 1, ``(N, 1, H, W)`` bool.

    The colours are Middlebury's: white at rest, saturated at the fastest pixel of each example. So
    a pixel moves if it is faster than about 0.8 of the fastest; none does where all are at rest.
    This is the reading of the official test script.
    """
    _require_flow(flow)
    pictures = torch.stack([_flow_picture(one) for one in flow.detach().float()])
    return (pictures < _DARK).any(dim=1, keepdim=True)


def moving_by_speed(flow: Tensor, threshold_px: float = 0.2) -> Tensor:
    """Return where `flow` is longer than `threshold_px` pixels, ``(N, 1, H, W)`` bool.

    This is the reading of the paper's text, which gives no unit for its 0.2.
    """
    _require_flow(flow)
    return torch.linalg.vector_norm(flow, dim=1, keepdim=True) > threshold_px


def _flow_picture(flow: Tensor) -> Tensor:
    """Return the colours of one flow ``(2, H, W)``, uint8 ``(3, H, W)``."""
    # torchvision divides a batch by its fastest pixel, so examples are passed one by one. That
    # pixel's speed may round to just over 1, where its darkest channel wraps from 0 to 255: hence a
    # column is appended that is slightly faster than all pixels, and removed afterwards.
    fastest = torch.linalg.vector_norm(flow, dim=0).max()
    beside = functional.pad(flow, (0, 1))
    beside[0, :, -1] = fastest * (1 + 1e-5)
    return flow_to_image(beside)[..., :-1]


def _require_flow(flow: Tensor) -> None:
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise TensorContractError(f"flow has shape {tuple(flow.shape)}, expected (N, 2, H, W)")
