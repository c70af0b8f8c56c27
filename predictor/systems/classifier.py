"""A classifier of labelled pictures, by whose features generators are evaluated.

One network and one phase: cross-entropy on pictures that are shifted at random by a few pixels.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor
from torch.nn import functional

from predictor.analysis.sheets import sheet
from predictor.data import ImageSettings
from predictor.draws import drawn_rows
from predictor.media.images import write_png
from predictor.networks.classification import Classification
from predictor.systems.image_reports import prepare_units
from predictor.systems.pair import with_network_defaults
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System, TrainingDataset
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings, playing

CLASSIFIER = "classifier"
SHOWN = 64
"""Pictures in a preview."""


class ClassifierSettings(RunSettings):
    """A run of the system ``classifier``; the defaults train on MNIST."""

    iterations: int = 3000
    batch_size: int = 128
    validate_every: int = 500
    preview_every: int = 1000
    classes: int = Field(10, ge=2)
    network: Annotated[NetworkSettings, playing("classifier")] = NetworkSettings(
        network="classifier"
    )
    optimizer: OptimizerSettings = OptimizerSettings(
        kind="adamw", learning_rate=3e-3, final_learning_rate=1e-5, weight_decay=1e-2
    )
    shift_px: int = Field(2, ge=0)
    """Largest random shift of a picture, each way; its border is repeated."""
    images: ImageSettings = ImageSettings(size=(28, 28), channels=1)

    @model_validator(mode="before")
    @classmethod
    def _network_fits_the_data(cls, values: Any) -> Any:
        """Give the network the shape and classes of the data, where it does not set its own."""
        if not isinstance(values, dict):
            return values
        classes = values.get("classes", cls.model_fields["classes"].default)
        return with_network_defaults(cls, values, {"network": {"classes": classes}})

    @model_validator(mode="after")
    def _fits(self) -> "ClassifierSettings":
        config = self.network.config()
        for name, wanted in (("shape", self.images.shape), ("classes", self.classes)):
            if getattr(config, name, None) != wanted:
                raise ValueError(
                    f"network.{name} is {getattr(config, name, None)}, the data have {wanted}"
                )
        return self


def build(settings: ClassifierSettings) -> System:
    """Return the network and the phase that trains it."""

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        images = randomly_shifted(batch["image"], settings.shift_px)
        logits = _logits(networks, images)
        return PhaseLoss({"cross_entropy": functional.cross_entropy(logits, batch["label"])})

    return System(
        networks={CLASSIFIER: settings.network.build()},
        phases=(
            Phase(
                name=CLASSIFIER,
                network=CLASSIFIER,
                loss=loss,
                optimizer=settings.optimizer.optimizer(settings.iterations),
            ),
        ),
        release=CLASSIFIER,
        validate=_validated,
        best_by=("cross_entropy", "min"),
        preview=_preview,
        prepare=_prepare,
    )


def randomly_shifted(images: Tensor, reach_px: int) -> Tensor:
    """Return pictures ``(N, C, H, W)``, each shifted by up to `reach_px` in any direction.

    The border is repeated into the gap.
    """
    if not reach_px:
        return images
    count, _, height, width = images.shape

    def draw(rows: int, source: Generator | None) -> Tensor:
        size = (rows, 2)
        return torch.randint(2 * reach_px + 1, size, generator=source, device=images.device)

    offsets = drawn_rows(count, images.device, draw) - reach_px
    down, right = (
        (torch.arange(side, device=images.device) + offset[:, None]).clamp(0, side - 1)
        for side, offset in ((height, offsets[:, 0]), (width, offsets[:, 1]))
    )
    numbers = torch.arange(count, device=images.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[numbers, down[:, :, None], right[:, None]].permute(0, 3, 1, 2)


def _prepare(networks: Networks, examples: TrainingDataset) -> None:
    prepare_units([networks[CLASSIFIER]], examples)


def _logits(networks: Networks, images: Tensor) -> Tensor:
    """Return the logits ``(N, K)`` of `images` ``(N, C, H, W)`` in [-1, 1]."""
    network: Any = networks[CLASSIFIER]
    found: Classification = network(network.units.encoded(images))
    return found.logits.float()


def _validated(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
    """Return ``cross_entropy`` in nats and ``accuracy_percent`` of held-out pictures."""
    total, right, count = 0.0, 0, 0
    for batch in batches:
        logits, labels = _logits(networks, batch["image"]), batch["label"]
        total += float(functional.cross_entropy(logits, labels, reduction="sum"))
        right += int((logits.argmax(1) == labels).sum())
        count += len(labels)
    if not count:
        return {}
    return {"cross_entropy": total / count, "accuracy_percent": 100 * right / count}


def _preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``hardest.png``: the pictures of the batch with the highest loss."""
    images = batch["image"]
    losses = functional.cross_entropy(_logits(networks, images), batch["label"], reduction="none")
    hardest = images[losses.argsort(descending=True)[:SHOWN]]
    write_png(folder / "hardest.png", sheet(hardest.cpu(), 8))
