"""The network of an encoder, trained from fresh weights on labels alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional

from predictor.analysis.features import ImageEncoder
from predictor.analysis.pictures import as_images
from predictor.analysis.probe import Examples, Fit, Labels, Predictor
from predictor.tensors import IMAGE_RANGE, rescaled

BATCH = 64
IMAGES_SEEN = 40_000
"""Examples that a training goes through, in steps of `BATCH`: 40 epochs of 1,000. Of fewer labels
than that a step sees all; there are as many steps."""


@dataclass(frozen=True)
class Trial:
    """Settings of one training."""

    learning_rate: float
    weight_decay: float

    def __str__(self) -> str:
        return f"learning rate {self.learning_rate:.1e}, decay {self.weight_decay:.1e}"


def random_trials(count: int, seed: int = 0) -> list[Trial]:
    """Return `count` trials, each setting drawn evenly on a logarithmic scale.

    Radford et al. 2015 took the best of 64, of settings that they do not name.
    """
    random = np.random.default_rng([seed, count])
    return [
        Trial(float(10 ** random.uniform(-4, -2)), float(10 ** random.uniform(-6, -2)))
        for _ in range(count)
    ]


def fresh_encoder(encoder: ImageEncoder, seed: int) -> ImageEncoder:
    """Return a network like `encoder`, its first weights a function of `seed` alone."""
    described: Any = encoder
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cast(ImageEncoder, type(described)(described.config))


def supervised_networks(
    encoder: ImageEncoder,
    classes: int,
    trials: Sequence[Trial],
    *,
    device: torch.device | str = "cpu",
    images_seen: int | None = None,
) -> dict[str, Fit]:
    """Return the network of `encoder` trained from fresh weights, one way for each trial.

    They classify pictures, uint8 ``(N, H, W, C)``, by a linear layer on the last activations. Adam,
    the learning rate falling linearly to 0 over `images_seen` examples (`IMAGES_SEEN`), without
    augmentation.
    """

    def with_settings(trial: Trial) -> Fit:
        def fit(pictures: Examples, labels: Labels, seed: int) -> Predictor:
            network = _Classifier(fresh_encoder(encoder, seed), classes, seed)
            network.to(device).to(memory_format=torch.channels_last)
            _train(network, pictures, labels, trial, images_seen or IMAGES_SEEN, seed)
            return network.predicted

        return fit

    return {str(trial): with_settings(trial) for trial in trials}


class _Classifier(nn.Module):
    def __init__(self, encoder: ImageEncoder, classes: int, seed: int) -> None:
        super().__init__()
        self.encoder = cast(Any, encoder)
        with torch.no_grad():
            self.encoder.eval()
            last = encoder.activations(torch.zeros(1, *encoder.image_shape))[-1]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.head = nn.Linear(last.numel(), classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of images in [-1, 1]."""
        seen = rescaled(images, IMAGE_RANGE, self.encoder.pixel_range)
        return self.head(self.encoder.activations(seen)[-1].flatten(1))

    @torch.no_grad()
    def predicted(self, pictures: Examples) -> Labels:
        """Return the class of each picture."""
        self.eval()
        parts = range(0, len(pictures), 4 * BATCH)
        device = self.head.weight.device
        logits = [self(as_images(pictures[i : i + 4 * BATCH]).to(device)) for i in parts]
        return torch.cat(logits).argmax(1).cpu().numpy()


def _train(
    network: _Classifier,
    pictures: Examples,
    labels: Labels,
    trial: Trial,
    images_seen: int,
    seed: int,
) -> None:
    size = min(BATCH, len(pictures))
    steps = max(1, images_seen // BATCH)
    optimizer = torch.optim.Adam(
        network.parameters(), trial.learning_rate, weight_decay=trial.weight_decay
    )
    device = network.head.weight.device
    network.train()
    for step, rows in zip(range(steps), _batches(len(pictures), size, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = trial.learning_rate * (1 - step / steps)
        logits = network(as_images(pictures[rows]).to(device))
        targets = torch.from_numpy(labels[rows]).to(device)
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(logits, targets))
        optimizer.step()


def _batches(count: int, size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of whole batches without end, each row once an epoch but for the rest."""
    generator = Generator().manual_seed(seed)
    while True:
        order = torch.randperm(count, generator=generator).numpy()
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]
