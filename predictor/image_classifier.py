"""The public interface to discriminators that classify: pictures in, probabilities out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from predictor.devices import computing, moved
from predictor.errors import UnknownModel
from predictor.tensors import require_pictures

BATCH = 500
"""Pictures classified at once."""


class ImageClassifier:
    """Classifies pictures with a classifier, or with a semi-supervised system's discriminator.

    The network has `classes`, `image_shape` and `units`; it returns `logits` ``(N, K)``. It runs in
    evaluation mode, without noise and dropout. The probabilities are those of the K classes of
    pictures; a discriminator's class of generated ones is left out. A network with minibatch
    discrimination compares the pictures of a batch, so its answer for one depends on the others.
    """

    def __init__(
        self,
        network: Any,
        class_names: Sequence[str] | None = None,
        device: torch.device | str | None = None,
        use_bfloat16: bool = False,
        short_side: int | None = None,
    ) -> None:
        self.device = moved(network, device)
        self.network = network.eval()
        self.use_bfloat16 = use_bfloat16
        self.short_side = short_side
        """Length to which the shorter side of a picture is resized before it is cropped; None: the
        least that covers the size of the network."""
        names = class_names or map(str, range(self.network.classes))
        self.class_names = tuple(names)
        """Name of each label; its number where there are no names."""
        if len(self.class_names) != self.network.classes:
            raise UnknownModel(
                f"the model tells {self.network.classes} classes and names {len(self.class_names)}"
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the pictures that it takes."""
        return self.network.image_shape

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return p(class) ``(N, K)`` of pictures ``(N, C, H, W)`` in [-1, 1], on the CPU.

        Raises `TensorContractError` for anything else.
        """
        images = require_pictures(images, self.image_shape)
        return torch.cat([self._batch(part) for part in torch.split(images, BATCH)])

    def _batch(self, images: Tensor) -> Tensor:
        with computing(self.device, self.use_bfloat16):
            logits = self.network(self.network.units.encoded(images.to(self.device))).logits
        return logits.float().softmax(dim=1).cpu()


def averaged_probabilities(classifiers: Sequence[ImageClassifier], images: Tensor) -> Tensor:
    """Return the mean probabilities ``(N, K)`` of an ensemble for pictures ``(N, C, H, W)``.

    Salimans et al. 2016, table 1, who do not say how they combine ten models.
    """
    return torch.stack([each.probabilities(images) for each in classifiers]).mean(dim=0)
