"""Batch normalization by a fixed batch: an output does not depend on the rest of its batch.

Salimans et al. 2016, section 3.4 (code: ``imagenet/ops.py``).
"""

import torch
from torch import Tensor, nn


class VirtualBatchNorm(nn.Module):
    """Normalizes by the statistics of reference examples, which come first in every batch.

    Of a batch ``(R + N, C, ...)`` the first R rows are the reference. They are normalized by their
    joint mean and mean square; every other example by these averaged with its own, which has the
    weight 1 / (R + 1). Each channel has a trained bias and, with `has_gain`, a trained gain.
    """

    def __init__(
        self, channels: int, references: int, epsilon: float = 1e-5, *, has_gain: bool = True
    ) -> None:
        super().__init__()
        self.references = references
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels)) if has_gain else None
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the normalized `inputs`, the reference examples among them."""
        values = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        values = values.flatten(2) if values.ndim > 2 else values[..., None]
        reference, others = values[: self.references], values[self.references :]
        mean, square = (power.mean(dim=(0, 2)) for power in (reference, reference.square()))
        share = 1 / (self.references + 1)
        own_mean, own_square = (power.mean(dim=2) for power in (others, others.square()))
        means = torch.cat([mean.expand(len(reference), -1), torch.lerp(mean, own_mean, share)])
        squares = torch.cat(
            [square.expand(len(reference), -1), torch.lerp(square, own_square, share)]
        )
        variances = (squares - means.square()).clamp_min(0)
        factor = (variances + self.epsilon).rsqrt()
        if self.weight is not None:
            factor = factor * self.weight
        shape = (*means.shape, *[1] * (inputs.ndim - 2))
        return (inputs - means.reshape(shape)) * factor.reshape(shape) + self.bias.reshape(
            -1, *[1] * (inputs.ndim - 2)
        )
