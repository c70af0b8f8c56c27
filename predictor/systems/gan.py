"""Generative adversarial networks: a generator of pictures and a discriminator of them.

Goodfellow et al. 2014. By default as the paper's algorithm 1 has it, with the loss for the
generator that its section 3 advises; what the published code does otherwise is a recipe.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor
from torch.utils.data import DataLoader

from predictor.data import ImageSettings, split_images
from predictor.losses import (
    fake_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
)
from predictor.systems.entry import TrainingData
from predictor.systems.image_reports import (
    parzen_validation,
    pixel_statistics,
    write_preview,
)
from predictor.systems.pair import (
    DISCRIMINATOR,
    GENERATOR,
    every_other,
    latents_for,
    require_shape_and_units,
    with_network_defaults,
)
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System, TrainingDataset
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings
from predictor.systems.techniques import histories, loss_of_real, with_history

_GENERATOR_LOSSES = {
    "non_saturating": non_saturating_generator_loss,
    "minimax": minimax_generator_loss,
}


class GanSettings(RunSettings):
    """A run of the system ``gan``; the defaults are the MNIST networks of the paper's code."""

    labelled: ClassVar[bool] = False
    """Whether labels enter both networks."""

    iterations: int = 125_000
    batch_size: int = 100
    validate_every: int = 2500
    preview_every: int = 2500
    generator: NetworkSettings = NetworkSettings(network="dense-generator")
    discriminator: NetworkSettings = NetworkSettings(network="dense-discriminator")
    generator_loss: Literal["non_saturating", "minimax"] = "non_saturating"
    discriminator_weight: float = Field(1.0, gt=0)
    """Factor on both terms of the discriminator's loss (½ in the code)."""
    real_target: float = Field(1.0, gt=0, le=1)
    """What the discriminator is to say of real pictures: below 1 for one-sided label smoothing
    (Salimans et al. 2016)."""
    historical_averaging: float = Field(0.0, ge=0)
    """Weight of the squared distance of both networks to the mean of where they have been (ibid.).
    """
    discriminator_steps: int = Field(1, ge=1)
    """Updates of the discriminator an iteration, k of algorithm 1, each on fresh pictures."""
    schedule: Literal["alternating", "simultaneous", "odd_even"] = "alternating"
    """``alternating``: discriminator, then generator, each on latents of its own. ``simultaneous``:
    both gradients from the same pictures and latents, then both updates (the code of Goodfellow et
    al.). ``odd_even``: even iterations train the generator, odd ones the discriminator (the code of
    Radford et al.)."""
    shown: Literal["whole", "halves"] = "whole"
    """What the discriminator sees of a batch: all of it and as many samples, or half of it and
    samples for the other half (the code of Denton et al.)."""
    generator_optimizer: OptimizerSettings = OptimizerSettings(
        kind="sgd", learning_rate=0.1, final_learning_rate=0.1, momentum=0.5, decay="linear"
    )
    discriminator_optimizer: OptimizerSettings = OptimizerSettings(
        kind="sgd", learning_rate=0.1, final_learning_rate=0.1, momentum=0.5, decay="linear"
    )
    average_decay: float = Field(0.0, ge=0, lt=1)
    """Decay an iteration of the generator's exponential average; 0 keeps none."""
    images: ImageSettings = ImageSettings(size=(28, 28), channels=1)
    classes: int | None = Field(None, ge=1)
    """Classes that the labels of the data are of; only where labels are used."""
    validation_samples: int = Field(2000, ge=2)
    """Samples under whose Parzen window the held-out pictures are measured in the run."""
    validation_images: int = Field(500, ge=1)
    """Held-out pictures measured."""

    @model_validator(mode="before")
    @classmethod
    def _networks_fit_the_data(cls, values: Any) -> Any:
        """Give both networks the shape and the classes of the data, where they have none."""
        if not isinstance(values, dict):
            return values
        known = {"classes": values.get("classes", cls.model_fields["classes"].default)}
        return with_network_defaults(cls, values, {GENERATOR: known, DISCRIMINATOR: known})

    @model_validator(mode="after")
    def _fits(self) -> "GanSettings":
        if self.labelled and self.classes is None:
            raise ValueError("classes must be given: the labels enter both networks")
        if not self.labelled and self.classes is not None:
            raise ValueError("classes are of the system conditional-gan; this one takes no labels")
        if self.schedule != "alternating" and self.discriminator_steps != 1:
            raise ValueError(f"schedule={self.schedule} has one discriminator step an iteration")
        if self.shown == "halves" and self.batch_size % 2:
            raise ValueError(f"batch_size={self.batch_size} has no halves (shown=halves)")
        require_shape_and_units(self)
        for name, network in ((GENERATOR, self.generator), (DISCRIMINATOR, self.discriminator)):
            classes = network.config().classes
            if classes != self.classes:
                raise ValueError(f"{name}.classes is {classes}, classes {self.classes}")
        return self


def build(settings: GanSettings) -> System:
    """Return the two networks and the phases that train them against each other."""
    is_odd_even = settings.schedule == "odd_even"
    is_simultaneous = settings.schedule == "simultaneous"
    players = {
        GENERATOR: settings.generator.build(),
        DISCRIMINATOR: settings.discriminator.build(),
    }
    pull = settings.historical_averaging
    discriminator_loss = functools.partial(
        _discriminator_loss, settings, loss_of_real(settings.real_target)
    )
    generator_loss = functools.partial(_generator_loss, settings)
    return System(
        networks={**players, **histories(players, pull)},
        phases=(
            Phase(
                name=DISCRIMINATOR,
                network=DISCRIMINATOR,
                loss=with_history(discriminator_loss, DISCRIMINATOR, pull),
                optimizer=settings.discriminator_optimizer.optimizer(settings.iterations),
                repeats=settings.discriminator_steps,
                when=functools.partial(every_other, 1) if is_odd_even else None,
            ),
            Phase(
                name=GENERATOR,
                network=GENERATOR,
                loss=with_history(generator_loss, GENERATOR, pull),
                optimizer=settings.generator_optimizer.optimizer(settings.iterations),
                draws_from=DISCRIMINATOR if is_simultaneous else None,
                when=functools.partial(every_other, 0) if is_odd_even else None,
            ),
        ),
        release=GENERATOR,
        companions=(DISCRIMINATOR,),
        averages={GENERATOR: settings.average_decay} if settings.average_decay else {},
        update="together" if is_simultaneous else "in_turn",
        validate=functools.partial(_validated, settings),
        best_by=("parzen_nats", "max"),
        preview=_preview,
        prepare=_prepare,
    )


def open_data(settings: Any, path: Path, run: Path | None = None) -> TrainingData:
    """Return the pictures at `path`, in any format that `predictor.data.open_images` reads.

    `settings` are those of a system of small pictures: `images`, `classes`, `batch_size`. The
    decoded pictures are kept in the folder `run`.
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
        class_names=None if settings.classes is None else split.collection.class_names,
    )


def _prepare(networks: Networks, examples: TrainingDataset) -> None:
    """Give both networks the mean and deviation of every pixel of the training pictures."""
    mean, deviation = pixel_statistics(
        examples[(0, number)]["image"] for number in range(len(examples))
    )
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
    count = len(images) if settings.shown == "whole" else len(images) // 2
    latents = latents_for(generator, count, images.device)
    real_labels = None if labels is None else labels[:count]
    fake_labels = None if labels is None else labels[-count:]
    fake = generator(latents, fake_labels).detach()
    judge = networks[DISCRIMINATOR]
    real_logits = judge(generator.units.encoded(images[:count]), real_labels)
    weight = settings.discriminator_weight
    return PhaseLoss(
        {
            "real": weight * real(real_logits),
            "fake": weight * fake_loss(judge(fake, fake_labels)),
        },
        outputs={"latents": latents},
    )


def _generator_loss(
    settings: GanSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Goodfellow et al. 2014, section 3: -ln D(G(z)), or ln(1 - D(G(z))) of algorithm 1."""
    labels = batch["label"] if settings.labelled else None
    latents = earlier.get("latents")
    if latents is None:
        images = batch["image"]
        latents = latents_for(networks[GENERATOR], len(images), images.device)
    labels = None if labels is None else labels[-len(latents) :]
    fake = networks[GENERATOR](latents, labels)
    loss = _GENERATOR_LOSSES[settings.generator_loss]
    return PhaseLoss({"adversarial": loss(networks[DISCRIMINATOR](fake, labels))})


def _validated(
    settings: GanSettings, networks: Networks, batches: Iterable[Batch]
) -> dict[str, float]:
    return parzen_validation(
        networks[GENERATOR], batches, settings.validation_samples, settings.validation_images
    )


def _preview(networks: Networks, batch: Batch, folder: Path) -> None:
    write_preview(networks[GENERATOR], batch["image"].device, folder)
