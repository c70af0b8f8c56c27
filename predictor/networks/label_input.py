"""Class labels as inputs of a network: one-hot vectors, planes, or a learned plane."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import TensorContractError


def with_labels(features: Tensor, labels: Tensor | None, classes: int | None) -> Tensor:
    """Return features ``(N, C)`` or ``(N, C, H, W)`` concatenated with one-hot labels.

    Planes get a constant plane for each class. With ``classes=None``, for networks without labels,
    the features are returned unchanged. Raises `TensorContractError` for labels that are missing,
    not wanted, of another number, or, on a CPU, not below `classes`.
    """
    if classes is None:
        if labels is not None:
            raise TensorContractError("labels were given to a network without classes")
        return features
    if labels is None:
        raise TensorContractError(f"the network needs labels, of {classes} classes")
    if labels.shape != features.shape[:1] or labels.dtype != torch.int64:
        raise TensorContractError(
            f"labels are {labels.dtype} {tuple(labels.shape)}, expected int64 "
            f"{tuple(features.shape[:1])}"
        )
    if labels.is_cpu and len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise TensorContractError(f"labels are not all within 0 to {classes - 1}")
    rows = functional.one_hot(labels, classes).to(features.dtype)
    if features.ndim == 4:
        rows = rows[:, :, None, None].expand(-1, -1, *features.shape[-2:])
        if features.is_contiguous(memory_format=torch.channels_last):  # else `cat` would undo it
            rows = rows.contiguous(memory_format=torch.channels_last)
    return torch.cat((features, rows), dim=1)


class LabelPlane(nn.Module):
    """A label as one plane, a learned image for each class, rectified."""

    def __init__(self, classes: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.classes = classes
        self.size = size
        self.weights = nn.Linear(classes, size[0] * size[1])

    def forward(self, labels: Tensor | None) -> Tensor:
        """Return planes ``(N, 1, H, W)`` of labels, int64 ``(N,)``."""
        if labels is None:
            raise TensorContractError(f"the network needs labels, of {self.classes} classes")
        rows = functional.one_hot(labels, self.classes).to(self.weights.weight.dtype)
        return torch.relu(self.weights(rows)).reshape(-1, 1, *self.size)
