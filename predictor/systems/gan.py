"""Generative adversarial networks: a generator of pictures and a discriminator.

Goodfellow et al. 2014. The defaults are the paper's algorithm 1 with the generator's loss that its
section 3 advises; where the published code differs, recipes have its settings.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor
from torch.utils.data import DataLoader

from predictor.data import ImageSettings, split_images
from predictor.losses import fake_loss
from predictor.model_files import DISCRIMINATOR
from predictor.systems.entry import TrainingData
from predictor.systems.image_reports import (
    generator_preview,
    parzen_validation,
    pixel_statistics,
)
from predictor.systems.pair import (
    FAKE_HALF,
    GENERATOR,
    REAL_HALF,
    PairSettings,
    UpdateOrder,
    latents_for,
    pair_networks,
    pair_phases,
    require_shape_and_units,
    with_network_defaults,
)
from predictor.systems.phases import Batch, Networks, PhaseLoss, System, TrainingDataset
from predictor.systems.settings import NetworkSettings, OptimizerSettings, playing
from predictor.systems.techniques import (
    GENERATOR_LOSSES,
    GeneratorLoss,
    Judged,
    loss_of_real,
)


class GanSettings(PairSettings):
    """A run of the system ``gan``; the defaults are the MNIST networks of the paper's code."""

    labelled: ClassVar[bool] = False
    """Whether labels enter both networks."""

    iterations: int = 125_000
    batch_size: int = 100
    validate_every: int = 2500
    preview_every: int = 2500
    generator: Annotated[NetworkSettings, playing("generator")] = NetworkSettings(
        network="dense-generator"
    )
    discriminator: Annotated[NetworkSettings, playing("judge of pictures")] = NetworkSettings(
        network="dense-discriminator"
    )
    discriminator_weight: float = Field(1.0, gt=0)
    """Weight of both terms of the discriminator's loss (½ in the code)."""
    discriminator_steps: int = Field(1, ge=1)
    """Updates of the discriminator per iteration, k of algorithm 1, each on new pictures."""
    schedule: UpdateOrder = "alternating"
    """``alternating``: discriminator, then generator, each on latents of its own. ``simultaneous``:
    both gradients from the same pictures and latents, then both updates (the code of Goodfellow et
    al.). ``odd_even``: even iterations train the generator, odd ones the discriminator (the code of
    Radford et al.)."""
    shown: Literal["whole", "halves"] = "whole"
    """What the discriminator sees of a batch of N: ``whole``, N pictures and N samples, or
    ``halves``, N/2 of each (the code of Denton et al.)."""
    generator_optimizer: OptimizerSettings = OptimizerSettings(
        kind="sgd", learning_rate=0.1, final_learning_rate=0.1, momentum=0.5, decay="linear"
    )
    discriminator_optimizer: OptimizerSettings = OptimizerSettings(
        kind="sgd", learning_rate=0.1, final_learning_rate=0.1, momentum=0.5, decay="linear"
    )
    images: ImageSettings = ImageSettings(size=(28, 28), channels=1)
    classes: int | None = Field(None, ge=1)
    """Number of classes in the data; only where labels are used."""
    validation_samples: int = Field(2000, ge=2)
    """Samples of the Parzen window by which validation measures held-out pictures."""
    validation_images: int = Field(500, ge=1)
    """Held-out pictures that are measured."""

    @model_validator(mode="before")
    @classmethod
    def _networks_fit_the_data(cls, values: Any) -> Any:
        """Give both networks the shape and classes of the data, where they do not set their own."""
        if not isinstance(values, dict):
            return values
        known = {"classes": values.get("classes", cls.model_fields["classes"].default)}
        return with_network_defaults(cls, values, {GENERATOR: known, DISCRIMINATOR: known})

    @model_validator(mode="after")
    def _fits(self) -> "GanSettings":
        if self.labelled and self.classes is None:
            raise ValueError(
                "classes is not set, expected the number of classes: labels enter both networks"
            )
        if not self.labelled and self.classes is not None:
            raise ValueError(
                "classes is set, but gan takes no labels: train conditional-gan instead"
            )
        if self.schedule != "alternating" and self.discriminator_steps != 1:
            raise ValueError(
                f"discriminator_steps is {self.discriminator_steps}, expected 1 with "
                f"schedule={self.schedule}"
            )
        if self.shown == "halves" and self.batch_size % 2:
            raise ValueError(
                f"batch_size is {self.batch_size}, expected an even one for shown=halves"
            )
        require_shape_and_units(self)
        for name, network in ((GENERATOR, self.generator), (DISCRIMINATOR, self.discriminator)):
            classes = network.config().classes
            if classes != self.classes:
                raise ValueError(f"{name}.classes is {classes}, classes {self.classes}")
        return self


def build(settings: GanSettings) -> System:
    """Return the two networks and the phases that train them against each other."""
    is_simultaneous = settings.schedule == "simultaneous"
    return System(
        networks=pair_networks(settings),
        phases=pair_phases(
            settings,
            functools.partial(_discriminator_loss, settings, loss_of_real(settings.real_target)),
            functools.partial(_generator_loss, settings, GENERATOR_LOSSES[settings.generator_loss]),
            schedule=settings.schedule,
            shares_batches=is_simultaneous,
            discriminator_steps=settings.discriminator_steps,
        ),
        release=GENERATOR,
        companions=(DISCRIMINATOR,),
        averages={GENERATOR: settings.average_decay} if settings.average_decay else {},
        update="together" if is_simultaneous else "in_turn",
        validate=functools.partial(_validated, settings),
        best_by=("parzen_nats", "max"),
        preview=generator_preview,
        prepare=_prepare,
        share_multiple=2 if settings.shown == "halves" else 1,
    )


def open_data(settings: Any, path: Path, run: Path | None = None) -> TrainingData:
    """Return the pictures at `path`, in any format that `predictor.data.open_images` reads.

    `settings` are those of any system of small pictures with `images`, `classes`, `batch_size`. The
    decoded pictures are cached in the folder `run`.
    """
    split = split_images(
        path,
        settings.images,
        settings.seed,
        run,
        classes=settings.classes,
        batch_size=settings.batch_size,
    )
    return TrainingData(
        train=split.train,
        validation=DataLoader(split.held_out, batch_size=100),
        skipped=split.skipped,
        digest=split.digest(),
        held_out=split.held_out.digest(),
        pictures=split.train.packed.digest,
        class_names=None if settings.classes is None else split.collection.class_names,
    )


def _prepare(networks: Networks, examples: TrainingDataset) -> None:
    """Give both networks the mean and deviation of every pixel of the training pictures.

    Always, since a generator may also begin with their mean.
    """
    mean, deviation = pixel_statistics(examples)
    for name in (GENERATOR, DISCRIMINATOR):
        prepared: Any = networks[name]
        prepared.prepare(mean, deviation)


def _discriminator_loss(
    settings: GanSettings,
    real: Callable[[Tensor], Tensor],
    networks: Networks,
    batch: Batch,
    earlier: Batch,
) -> PhaseLoss:
    """Goodfellow et al. 2014, eq. 1, negated to be minimized: -ln D(x) - ln(1 - D(G(z)))."""
    generator: Any = networks[GENERATOR]
    images, labels = batch["image"], batch["label"] if settings.labelled else None
    real_rows, fake_rows = _rows_shown(settings)
    images, real_labels = images[real_rows], None if labels is None else labels[real_rows]
    latents = latents_for(generator, len(images), images.device)
    fake_labels = None if labels is None else labels[fake_rows]
    fake = generator(latents, fake_labels).detach()
    judge = networks[DISCRIMINATOR]
    real_logits = judge(generator.units.encoded(images), real_labels)
    weight = settings.discriminator_weight
    return PhaseLoss(
        {
            "real": weight * real(real_logits),
            "fake": weight * fake_loss(judge(fake, fake_labels)),
        },
        outputs={"latents": latents},
    )


def _generator_loss(
    settings: GanSettings, loss: GeneratorLoss, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Return the terms of `loss`, on latents of its own unless there are some of the phase before.

    Goodfellow et al. 2014, section 3: -ln D(G(z)), or ln(1 - D(G(z))) of algorithm 1.
    """
    generator: Any = networks[GENERATOR]
    judge: Any = networks[DISCRIMINATOR]
    images, labels = batch["image"], batch["label"] if settings.labelled else None
    latents, fake_labels = earlier.get("latents"), labels
    if latents is None:
        latents = latents_for(generator, len(images), images.device)
    elif labels is not None:
        fake_labels = labels[_rows_shown(settings)[1]]
    fake = generator(latents, fake_labels)

    def real() -> Tensor:
        return generator.units.encoded(images)

    return PhaseLoss(
        loss(
            Judged(lambda: judge(fake, fake_labels), lambda: judge.features(fake, fake_labels)),
            Judged(lambda: judge(real(), labels), lambda: judge.features(real(), labels)),
        )
    )


def _rows_shown(settings: GanSettings) -> tuple[slice, slice]:
    """Return which rows of a batch the discriminator sees, and for which it sees samples."""
    return (REAL_HALF, FAKE_HALF) if settings.shown == "halves" else (slice(None), slice(None))


def _validated(
    settings: GanSettings, networks: Networks, batches: Iterable[Batch]
) -> dict[str, float]:
    return parzen_validation(
        networks[GENERATOR], batches, settings.validation_samples, settings.validation_images
    )
