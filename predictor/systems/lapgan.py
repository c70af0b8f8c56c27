"""LAPGAN: a pyramid of GANs; the coarsest makes a small picture, each finer one adds its detail.

Denton et al. 2015. Every level has a generator and a discriminator of its own and is trained
independently, conditioned on coarse versions of real pictures; only sampling chains the levels.
All levels train in one run, or each in a run of its own (`level`), and `predictor export --with`
puts those together.
"""

import functools
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from predictor.data import ImageDataset, ImageSettings
from predictor.errors import SettingsError
from predictor.losses import fake_loss, non_saturating_generator_loss, real_loss
from predictor.networks.laplacian import (
    LaplacianDiscriminator,
    LaplacianDiscriminatorConfig,
    LaplacianGenerator,
    LaplacianGeneratorConfig,
)
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.pyramid import laplacian_pyramid
from predictor.systems.image_reports import pixel_statistics
from predictor.systems.lapgan_gate import GateSettings, passes_gate
from predictor.systems.lapgan_reports import PIXELS, Levels, level_preview, measured_levels
from predictor.systems.pair import FAKE_HALF, REAL_HALF, latents_for
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System, TrainingDataset
from predictor.systems.settings import (
    NetworkSettings,
    OptimizerSettings,
    RunSettings,
    playing,
)

_WHOLE = {"generator": LaplacianGenerator, "discriminator": LaplacianDiscriminator}
_IMAGES_ALIKE = ("channels", "short_side")

_DESCENT = OptimizerSettings(
    kind="sgd",
    learning_rate=0.02,
    final_learning_rate=1e-6,
    decay="exponential",
    divisor=1.00004,
    divide_every=781,
    momentum=0.5,
    final_momentum=0.8,
    momentum_epochs=(0, 375),
    epoch_iterations=781,
    dampened=True,
)
"""The paper's: momentum rises by .0008 per epoch of 50,000 pictures, half a batch an iteration. The
paper does not say that momentum is dampened; the code does."""


class LapganSettings(RunSettings):
    """A run of the system ``lapgan``; the defaults are the paper's for CIFAR-10, without labels."""

    iterations: int = 78_000
    batch_size: int = 128
    validate_every: int = 2500
    preview_every: int = 2500
    sizes: tuple[int, ...] = Field((8, 14, 28), min_length=1)
    """Side in pixels of the pictures of each level, from the coarsest."""
    level: int | None = None
    """Train only the level of this size; None trains all."""
    classes: int | None = Field(None, ge=1)
    """Number of classes, whose labels enter all networks; None for no labels."""
    images: ImageSettings = ImageSettings(size=(28, 28), short_side=32, crop="random")
    units: Units = "standardized"
    """Units of the pixels from which the pyramid is made."""
    blurred: bool = False
    """Make the pyramid by blurring and halving (paper), for sizes that double; otherwise by
    antialiased resizing (code)."""
    coarsest_generator: Annotated[NetworkSettings, playing("generator")] = NetworkSettings(
        network="dense-generator",
        distribution="uniform",
        initialization="torch",
        bias_from_data=False,
    )
    coarsest_discriminator: Annotated[NetworkSettings, playing("judge of pictures")] = (
        NetworkSettings(
            network="dense-discriminator",
            hidden=(600, 600),
            pieces=1,
            input_dropout=0.0,
            initialization="torch",
        )
    )
    finer_generator: Annotated[NetworkSettings, playing("generator of details")] = NetworkSettings(
        network="detail-generator"
    )
    finer_discriminator: Annotated[NetworkSettings, playing("judge of details")] = NetworkSettings(
        network="detail-discriminator"
    )
    generator_optimizer: OptimizerSettings = _DESCENT
    discriminator_optimizer: OptimizerSettings = _DESCENT
    average_decay: float = Field(0.0, ge=0, lt=1)
    """Decay per iteration of the exponential average of each generator; 0 keeps none, as
    published."""
    gate: GateSettings | None = None
    """Decides by the errors on the batch which network is trained; None: both, every time."""
    validation_samples: int = Field(2000, ge=2)
    """Samples of the Parzen window by which validation measures held-out pictures."""
    validation_images: int = Field(500, ge=1)
    """Held-out pictures that are measured by it."""
    nearest_images: int = Field(20, ge=1)
    """Held-out pictures for whose coarse versions details are generated (200 in the code)."""
    nearest_samples: int = Field(16, ge=2)
    """Details generated for each of those (the batch size in the code)."""

    @model_validator(mode="after")
    def _fits(self) -> "LapganSettings":
        if list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"sizes are {self.sizes}, expected them to increase")
        if self.images.size != (self.sizes[-1], self.sizes[-1]):
            raise ValueError(
                f"images.size is {self.images.size}, the finest of sizes is {self.sizes[-1]}"
            )
        if self.level is not None and self.level not in self.sizes:
            raise ValueError(f"level is {self.level}, expected one of sizes {self.sizes}")
        if self.blurred and any(2 * small != large for small, large in pairwise(self.sizes)):
            raise ValueError(
                f"sizes are {self.sizes}, expected each twice the one before (blurred)"
            )
        if self.batch_size % 2:
            raise ValueError(
                f"batch_size is {self.batch_size}, expected an even one: half real, half generated"
            )
        self.generator_config()
        self.discriminator_config()
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """The sizes that this run trains."""
        return self.sizes if self.level is None else (self.level,)

    def generator_config(self) -> LaplacianGeneratorConfig:
        """Return the config of all generators as one network."""
        coarsest, *finer = self._shapes()
        return LaplacianGeneratorConfig(
            self._config(self.coarsest_generator, coarsest, units="standardized"),
            tuple(self._config(self.finer_generator, shape) for shape in finer),
            self.units,
        )

    def discriminator_config(self) -> LaplacianDiscriminatorConfig:
        """Return the config of all discriminators as one network."""
        coarsest, *finer = self._shapes()
        return LaplacianDiscriminatorConfig(
            self._config(self.coarsest_discriminator, coarsest, units="standardized"),
            tuple(self._config(self.finer_discriminator, shape) for shape in finer),
            self.units,
            self.blurred,
        )

    def _shapes(self) -> list[tuple[int, int, int]]:
        return [(self.images.channels, size, size) for size in self.sizes]

    def _config(self, chosen: NetworkSettings, shape: tuple[int, int, int], **more: Any) -> Any:
        derived = {"shape": shape, "classes": self.classes, **more}
        for name in derived:
            if name in (chosen.model_extra or {}):
                raise ValueError(
                    f"{chosen.network}.{name} is set, but follows from sizes, images and classes"
                )
        return NetworkSettings(**{**chosen.model_dump(), **derived}).config()


def build(settings: LapganSettings) -> System:
    """Return a pair of networks and phases for each level that the run trains."""
    generators = LaplacianGenerator(settings.generator_config())
    discriminators = LaplacianDiscriminator(settings.discriminator_config())
    networks: dict[str, nn.Module] = {
        PIXELS: PixelUnits(settings.units, settings.images.shape),
    }
    phases: list[Phase] = []
    for number, size in enumerate(settings.sizes):
        if size not in settings.levels:
            continue
        networks[f"generator-{size}"] = _level(generators, number)
        networks[f"discriminator-{size}"] = _level(discriminators, number)
        phases += _phases(settings, number, size)
    decay = settings.average_decay
    finest = settings.levels[-1]
    is_one_detail = settings.level is not None and settings.level != settings.sizes[0]
    return System(
        networks=networks,
        phases=tuple(phases),
        release=f"generator-{finest}",
        companions=(f"discriminator-{finest}",),
        averages={f"generator-{size}": decay for size in settings.levels} if decay else {},
        assemble=functools.partial(_assembled, settings),
        same_settings={
            **{name: getattr(settings, name) for name in ("sizes", "classes", "units", "blurred")},
            **{f"images.{name}": getattr(settings.images, name) for name in _IMAGES_ALIKE},
        },
        validate=functools.partial(_validated, settings),
        best_by=(f"nearest_l2_{finest}", "min") if is_one_detail else ("parzen_nats", "max"),
        preview=functools.partial(_preview, settings),
        prepare=_prepare,
        share_multiple=2,
    )


def _level(levels: Any, number: int) -> nn.Module:
    found: nn.Module = levels.coarsest if number == 0 else levels.finer[number - 1]
    return found


def _phases(settings: LapganSettings, number: int, size: int) -> list[Phase]:
    gate, measure = settings.gate, f"gate-{size}"
    discriminator = Phase(
        name=f"discriminator-{size}",
        network=f"discriminator-{size}",
        loss=functools.partial(_discriminator_loss, settings, number),
        optimizer=settings.discriminator_optimizer.optimizer(settings.iterations),
        draws_from=measure if gate else None,
        when=functools.partial(passes_gate, gate.trains_discriminator, measure) if gate else None,
    )
    generator = Phase(
        name=f"generator-{size}",
        network=f"generator-{size}",
        loss=functools.partial(_generator_loss, settings, number),
        optimizer=settings.generator_optimizer.optimizer(settings.iterations),
        when=functools.partial(passes_gate, gate.trains_generator, measure) if gate else None,
    )
    if gate is None:
        return [discriminator, generator]
    measured = functools.partial(_discriminator_loss, settings, number)
    return [Phase(measure, None, measured, None), discriminator, generator]


class _LevelBatch:
    """A batch as one level of the pyramid sees it, and that level's two networks.

    `real` is the picture at the coarsest level and the detail at a finer one, where `coarse` is the
    upsampled picture of the level before.
    """

    def __init__(
        self, settings: LapganSettings, number: int, networks: Networks, batch: Batch
    ) -> None:
        pixels: Any = networks[PIXELS]
        size = settings.sizes[number]
        sizes = [(side, side) for side in settings.sizes]
        coarsest, details = laplacian_pyramid(
            pixels.encoded(batch["image"]), sizes, settings.blurred
        )
        self.labels = batch["label"] if settings.classes is not None else None
        self.generator: Any = networks[f"generator-{size}"]
        self.discriminator: Any = networks[f"discriminator-{size}"]
        self.coarse: Tensor | None = None
        self.real = coarsest
        if number > 0:
            self.coarse, self.real = details[number - 1]

    def generated(self, rows: slice) -> Tensor:
        """Return pictures or details that are generated for these rows of the batch."""
        latents = latents_for(self.generator, len(self.real[rows]), self.real.device)
        generated: Tensor = self.generator(latents, *self._condition(rows))
        return generated

    def logits(self, pictures: Tensor, rows: slice) -> Tensor:
        """Return the discriminator's logits of pictures or details for these rows of the batch."""
        logits: Tensor = self.discriminator(pictures, *self._condition(rows))
        return logits

    def _condition(self, rows: slice) -> list[Tensor | None]:
        labels = None if self.labels is None else self.labels[rows]
        return [labels] if self.coarse is None else [self.coarse[rows], labels]


def _discriminator_loss(
    settings: LapganSettings, number: int, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Denton et al. 2015, algorithm 1: half of a batch is real, half is generated."""
    level = _LevelBatch(settings, number, networks, batch)
    fake = earlier.get("fake")
    if fake is None:
        fake = level.generated(FAKE_HALF).detach()
    return PhaseLoss(
        {
            "real": 0.5 * real_loss(level.logits(level.real[REAL_HALF], REAL_HALF)),
            "fake": 0.5 * fake_loss(level.logits(fake, FAKE_HALF)),
        },
        outputs={"fake": fake},
    )


def _generator_loss(
    settings: LapganSettings, number: int, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Denton et al. 2015, algorithm 1: -ln D of samples for the whole batch."""
    level, rows = _LevelBatch(settings, number, networks, batch), slice(None)
    logits = level.logits(level.generated(rows), rows)
    return PhaseLoss({"adversarial": non_saturating_generator_loss(logits)})


def _prepare(networks: Networks, examples: TrainingDataset) -> None:
    """Measure the pixels, on the same crops whatever the seed, so that levels fit each other."""
    pixels: Any = networks[PIXELS]
    if isinstance(examples, ImageDataset):
        examples = examples.of_seed(0)
    pixels.prepare(*pixel_statistics(examples))


def _assembled(settings: LapganSettings, networks: Networks) -> dict[str, nn.Module]:
    """Return all generators and all discriminators as one network each.

    A level's networks are as the run made them that trained it.
    """
    levels: dict[str, list[Any]] = {"generator": [], "discriminator": []}
    for kind, size in product(levels, settings.sizes):
        if f"{kind}-{size}" not in networks:
            raise SettingsError(
                f"level {size} of {settings.sizes} is in none of the runs: --with RUN names the "
                "one that trained it"
            )
        levels[kind].append(networks[f"{kind}-{size}"])
    configs: list[Any] = [settings.generator_config(), settings.discriminator_config()]
    together: dict[str, nn.Module] = {}
    for (kind, found), config in zip(levels.items(), configs, strict=True):
        coarsest, *finer = (level.config for level in found)
        whole: Any = _WHOLE[kind](replace(config, coarsest=coarsest, finer=tuple(finer)))
        whole.units.load_state_dict(networks[PIXELS].state_dict())
        for number, level in enumerate(found):
            _level(whole, number).load_state_dict(level.state_dict())
        together[kind] = whole
    return together


@torch.no_grad()
def _validated(
    settings: LapganSettings, networks: Networks, batches: Iterable[Batch]
) -> dict[str, float]:
    """Return the numbers of `measured_levels`."""
    return measured_levels(_levels(settings), networks, _chain(settings, networks), batches)


@torch.no_grad()
def _preview(settings: LapganSettings, networks: Networks, batch: Batch, folder: Path) -> None:
    level_preview(_levels(settings), networks, _chain(settings, networks), batch, folder)


def _levels(settings: LapganSettings) -> Levels:
    return Levels(
        sizes=settings.sizes,
        trained=settings.levels,
        has_labels=settings.classes is not None,
        is_blurred=settings.blurred,
        samples=settings.validation_samples,
        images=settings.validation_images,
        detail_images=settings.nearest_images,
        detail_samples=settings.nearest_samples,
    )


def _chain(settings: LapganSettings, networks: Networks) -> nn.Module | None:
    """Return all generators as one network, or None if the run does not train all of them.

    Random state is untouched.
    """
    if settings.levels != settings.sizes:
        return None
    device = next(networks[f"generator-{settings.sizes[0]}"].parameters()).device
    with torch.random.fork_rng(devices=[]):
        return _assembled(settings, networks)["generator"].to(device).eval()
