"""Weight normalization: layers with weights of a direction and a length, initialized from data.

Salimans and Kingma 2016; the discriminators of Salimans et al. 2016 (code: ``nn.py``, `DenseLayer`
and `WeightNormLayer`).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEAST_DEVIATION = 1e-6


class WeightNormalized(nn.Module):
    """Base of linear layers with normalized weights; a subclass adds the linear map.

    Output channel k is ``scale_k / |direction_k| * map(x; direction_k) + bias_k``. The scale is
    either trained or, as in all hidden layers of Salimans et al. 2016, a constant.
    """

    scale: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs_axis: int,
        *,
        has_trained_scale: bool,
        weight_deviation: float = 0.05,
        output_deviation: float = 1.0,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        outputs = shape[outputs_axis]
        self.direction = nn.Parameter(torch.randn(shape) * weight_deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))
        if has_trained_scale:
            self.scale = nn.Parameter(torch.ones(outputs))
        else:
            self.register_buffer("scale", torch.ones(outputs))
        self.output_deviation = output_deviation
        self.epsilon = epsilon
        self._summed = tuple(axis for axis in range(len(shape)) if axis != outputs_axis)
        self._places = len(shape) - 2

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output for `inputs` ``(N, C, ...)``."""
        return self._shaped(self._factor()) * self._mapped(inputs) + self._shaped(self.bias)

    @torch.no_grad()
    def begin_from(self, inputs: Tensor) -> None:
        """Set scale and bias so that each output has mean 0 and `output_deviation` on `inputs`."""
        outputs = self._shaped(self._factor()) * self._mapped(inputs)
        seen = outputs.transpose(0, 1).flatten(1)
        deviation = seen.std(dim=1, correction=0).clamp_min(_LEAST_DEVIATION)
        gain = self.output_deviation / deviation
        self.scale.mul_(gain)
        self.bias.copy_(-seen.mean(dim=1) * gain)

    def _mapped(self, inputs: Tensor) -> Tensor:
        """Return the linear map with `direction` as its weights, not normalized."""
        raise NotImplementedError

    def _factor(self) -> Tensor:
        lengths = torch.linalg.vector_norm(self.direction, dim=self._summed)
        return self.scale * (lengths.square() + self.epsilon).rsqrt()

    def _shaped(self, channels: Tensor) -> Tensor:
        return channels.reshape(-1, *[1] * self._places)


class WeightNormLinear(WeightNormalized):
    """A fully connected layer with normalized weights ``(outputs, inputs)``."""

    def __init__(self, inputs: int, outputs: int, **how: Any) -> None:
        super().__init__((outputs, inputs), 0, **how)

    def _mapped(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.direction)


class WeightNormConvolution(WeightNormalized):
    """A convolution with normalized weights ``(outputs, inputs, kernel, kernel)``."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        **how: Any,
    ) -> None:
        super().__init__((outputs, inputs, kernel, kernel), 0, **how)
        self.stride, self.padding = stride, padding

    def _mapped(self, inputs: Tensor) -> Tensor:
        return functional.conv2d(inputs, self.direction, stride=self.stride, padding=self.padding)


class WeightNormTransposedConvolution(WeightNormalized):
    """A transposed convolution with an odd kernel that enlarges the grid `stride` times.

    Its weights are ``(inputs, outputs, kernel, kernel)``.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 2, **how: Any
    ) -> None:
        super().__init__((inputs, outputs, kernel, kernel), 1, **how)
        self.stride, self.padding = stride, (kernel - 1) // 2

    def _mapped(self, inputs: Tensor) -> Tensor:
        return functional.conv_transpose2d(
            inputs,
            self.direction,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.stride - 1,
        )


def begin_from_data(network: nn.Module, run: Callable[[], Any]) -> None:
    """Initialize every layer of `network` that has a method ``begin_from`` from its inputs.

    `run` passes one batch through `network`. Each layer is initialized just before it acts, so that
    later layers see its normalized outputs: afterwards weight-normalized layers have, on that
    batch, outputs of mean 0 and of their `output_deviation` in every channel. Salimans and Kingma
    2016, section 3.
    """

    def begin(layer: Any, arguments: tuple[Tensor, ...]) -> None:
        layer.begin_from(arguments[0])

    layers = [layer for layer in network.modules() if hasattr(layer, "begin_from")]
    hooks = [layer.register_forward_pre_hook(begin) for layer in layers]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
