"""InfoGAN: latent codes that come to control what varies in pictures, and a head Q to read them.

Chen et al. 2016. Both networks also maximize a lower bound of the mutual information of codes and
pictures, which Q gives. Trunk, discriminator and Q are one network with one optimizer; the
generator has its own.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from predictor.analysis.code_reader import CodeReader, group_information
from predictor.analysis.code_sweeps import usual_sweeps
from predictor.analysis.sheets import sheet
from predictor.augmentation import AffineAugmentation
from predictor.data import ImageSettings, split_images
from predictor.image_sampler import BATCH, ImageSampler
from predictor.losses import (
    categorical_information,
    fake_loss,
    information_scored_as_normal,
    uniform_information,
)
from predictor.media.images import write_png
from predictor.metrics import assigned_class_error
from predictor.model_files import DISCRIMINATOR
from predictor.networks.infogan import CodedJudgement, CodePosterior
from predictor.networks.normalization import held_statistics
from predictor.structured_latents import StructuredLatents
from predictor.systems.entry import TrainingData
from predictor.systems.image_reports import (
    FRECHET,
    PREVIEW_SEED,
    VALIDATION_SEED,
    first_images,
    frechet_validation,
    write_preview,
)
from predictor.systems.pair import (
    GENERATOR,
    PairSettings,
    pair_networks,
    pair_phases,
    require_shape_and_units,
    steady_adam,
    with_network_defaults,
)
from predictor.systems.phases import Batch, Networks, PhaseLoss, System
from predictor.systems.settings import NetworkSettings, OptimizerSettings, playing
from predictor.systems.techniques import (
    GENERATOR_LOSSES,
    GeneratorLoss,
    Judged,
    loss_of_real,
)

PREVIEW_ROWS = 10

_UNIFORM_INFORMATION = {
    "uniform": uniform_information,
    "normal": information_scored_as_normal,
}


class InfoganSettings(PairSettings):
    """A run of the system ``infogan``; the defaults are the paper's for MNIST (section 7.2).

    Shape and latents of `generator` and `discriminator` follow from `images` and `latents` unless
    they are set.
    """

    iterations: int = 5000
    batch_size: int = 128
    validate_every: int = 500
    preview_every: int = 500
    latents: StructuredLatents = StructuredLatents()
    generator: Annotated[NetworkSettings, playing("generator from codes")] = NetworkSettings(
        network="infogan"
    )
    discriminator: Annotated[NetworkSettings, playing("reader of codes")] = NetworkSettings(
        network="infogan-discriminator"
    )
    categorical_weight: float = Field(1.0, ge=0)
    """Weight, in both losses, of the information of all categorical codes. With both weights 0 this
    is an ordinary GAN."""
    uniform_weight: float = Field(0.1, ge=0)
    """Weight of the information of all uniform codes (1 in the released code)."""
    views: AffineAugmentation | None = None
    """Random changes of a generated picture before Q reads its categorical codes, which then have
    to stand for what such changes preserve. None: no changes, as published."""
    scored_as: Literal["uniform", "normal"] = "uniform"
    """Distribution whose entropy enters the information of uniform codes: their own, or N(0, 1) as
    in the released code. It shifts the logged terms by a constant; gradients are the same."""
    generator_optimizer: OptimizerSettings = steady_adam(1e-3)
    discriminator_optimizer: OptimizerSettings = steady_adam(2e-4)
    images: ImageSettings = ImageSettings(size=(28, 28), channels=1)
    validation_images: int = Field(2000, ge=1)
    """Held-out pictures that validation uses, at most."""
    validation_samples: int = Field(2000, ge=2)
    """Samples whose codes validation reads."""

    @model_validator(mode="before")
    @classmethod
    def _networks_follow_images_and_latents(cls, values: Any) -> Any:
        """Give both networks the shape of the pictures and the latents, unless they set them."""
        if not isinstance(values, dict):
            return values
        known = {"latents": values.get("latents", cls.model_fields["latents"].default)}
        try:
            TypeAdapter(StructuredLatents).validate_python(known["latents"])
        except ValidationError:  # reported where it is, not in the networks that would get it
            known = {}
        return with_network_defaults(cls, values, {GENERATOR: known, DISCRIMINATOR: known})

    @model_validator(mode="after")
    def _fits(self) -> "InfoganSettings":
        for name, network in ((GENERATOR, self.generator), (DISCRIMINATOR, self.discriminator)):
            found = getattr(network.config(), "latents", None)
            if found != self.latents:
                raise ValueError(f"{name}.latents is {found}, latents {self.latents}")
        require_shape_and_units(self)
        return self


def build(settings: InfoganSettings) -> System:
    """Return both networks and the phases that train them."""
    return System(
        networks=pair_networks(settings),
        phases=pair_phases(
            settings,
            functools.partial(_discriminator_loss, settings, loss_of_real(settings.real_target)),
            functools.partial(_generator_loss, settings, GENERATOR_LOSSES[settings.generator_loss]),
        ),
        release=GENERATOR,
        companions=(DISCRIMINATOR,),
        averages={GENERATOR: settings.average_decay} if settings.average_decay else {},
        validate=functools.partial(_validated, settings),
        best_by=(FRECHET, "min"),
        preview=_preview,
    )


def open_data(settings: InfoganSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return the pictures at `path`, in any format that `predictor.data.open_images` reads.

    The decoded pictures are cached in the folder `run`. Labels are used for validation only.
    """
    split = split_images(path, settings.images, settings.seed, run, batch_size=settings.batch_size)
    count = min(settings.validation_images, len(split.held_out))
    return TrainingData(
        train=split.train,
        validation=DataLoader(Subset(split.held_out, range(count)), batch_size=BATCH),
        skipped=split.skipped,
        digest=split.digest(),
        held_out=split.held_out.digest(),
        pictures=split.train.packed.digest,
    )


def _discriminator_loss(
    settings: InfoganSettings,
    loss_of_real_pictures: Callable[[Tensor], Tensor],
    networks: Networks,
    batch: Batch,
    earlier: Batch,
) -> PhaseLoss:
    """Return -ln D(x) - ln (1 - D(G(z, c))) - λ L_I(G, Q).

    Real and generated pictures are separate batches for batch normalization, and only the real ones
    move its running statistics. Training drives the two so far apart that running statistics of
    both would fit neither, and codes are later read from real pictures.
    """
    discriminator = networks[DISCRIMINATOR]
    units: Any = discriminator.units
    latents = settings.latents.drawn(len(batch["image"]), batch["image"].device)
    with torch.no_grad():
        made = networks[GENERATOR](latents)
    real = discriminator(units.encoded(batch["image"]))
    with held_statistics(discriminator):
        fake = discriminator(made)
    return PhaseLoss(
        {
            "real": loss_of_real_pictures(real.logits),
            "fake": fake_loss(fake.logits),
            **_information_terms(settings, discriminator, latents, made, fake.codes),
        }
    )


def _generator_loss(
    settings: InfoganSettings,
    loss: GeneratorLoss,
    networks: Networks,
    batch: Batch,
    earlier: Batch,
) -> PhaseLoss:
    """Return the terms of `loss`, such as -ln D(G(z, c)), - λ L_I(G, Q), on latents of its own."""
    latents = settings.latents.drawn(len(batch["image"]), batch["image"].device)
    discriminator = networks[DISCRIMINATOR]
    units: Any = discriminator.units
    made = networks[GENERATOR](latents)
    with held_statistics(discriminator):
        fake = discriminator(made)

    def seen() -> CodedJudgement:
        with held_statistics(discriminator):
            return discriminator(units.encoded(batch["image"]))

    return PhaseLoss(
        {
            **loss(
                Judged(lambda: fake.logits, lambda: fake.features),
                Judged(lambda: seen().logits, lambda: seen().features),
            ),
            **_information_terms(settings, discriminator, latents, made, fake.codes),
        }
    )


def _information_terms(
    settings: InfoganSettings,
    discriminator: nn.Module,
    latents: Tensor,
    made: Tensor,
    posterior: CodePosterior,
) -> dict[str, Tensor]:
    """Return the terms -λ L_I of each group of codes in `latents`.

    `posterior` is what Q reads from the pictures `made` of them. With `views` it reads categorical
    codes from changed pictures instead. That is still a lower bound: no change of a picture adds
    information about its code.
    """
    codes = settings.latents.codes(latents)
    terms: dict[str, Tensor] = {}
    if settings.categorical_weight and codes.categories:
        read = posterior.logits
        if settings.views is not None:
            with held_statistics(discriminator):
                read = discriminator(settings.views.augmented(made)).codes.logits
        categorical = [
            categorical_information(logits, categories)
            for logits, categories in zip(read, codes.categories, strict=True)
        ]
        terms["categorical_information"] = (
            -settings.categorical_weight * torch.stack(categorical).sum()
        )
    if settings.uniform_weight and settings.latents.uniform:
        bound = _UNIFORM_INFORMATION[settings.scored_as]
        uniform = bound(codes.numbers, posterior.means, posterior.log_variances)
        terms["uniform_information"] = -settings.uniform_weight * uniform.sum()
    return terms


def _validated(
    settings: InfoganSettings, networks: Networks, batches: Iterable[Batch]
) -> dict[str, float]:
    """Return the scores of samples, the information of their codes, and the error of c1.

    The samples are measured by `frechet_validation`, which selects the best checkpoint: codes can
    be read from noise long before there are digits. ``information_nats`` is the sum over all codes,
    ``categorical_information_nats`` and ``uniform_information_nats`` those of each group.
    ``c1_error_percent``, where pictures have labels, is the error of the first categorical code as
    a classifier, see `assigned_class_error`.
    """
    held_out = first_images(batches, settings.validation_images)
    device = held_out["image"].device
    reader = CodeReader(networks[DISCRIMINATOR], device)
    sampler = ImageSampler(networks[GENERATOR], device)
    found = reader.information(sampler, settings.validation_samples, VALIDATION_SEED)
    groups = group_information(settings.latents, found)
    pictures = [{"image": part} for part in torch.split(held_out["image"], BATCH)]
    scores = {
        **frechet_validation(networks[GENERATOR], pictures),
        "information_nats": sum(groups.values()),
        **{f"{group}_information_nats": value for group, value in groups.items()},
        **{f"information_{name}_nats": value for name, value in found.items()},
    }
    if settings.latents.categorical and "label" in held_out:
        categories = reader.codes(held_out["image"]).categories[0]
        error = assigned_class_error(categories, held_out["label"].cpu())
        scores["c1_error_percent"] = 100 * error
    return scores


def _preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``samples.png``, and for each code a sheet in which it varies: ``c1.png`` and on."""
    device = batch["image"].device
    write_preview(networks[GENERATOR], device, folder)
    sampler = ImageSampler(networks[GENERATOR], device)
    latents = sampler.latents(PREVIEW_SEED, range(PREVIEW_ROWS))
    for sweep in usual_sweeps(sampler):
        images = sampler.images(sweep.applied(latents, sweep.values).flatten(0, 1))
        write_png(folder / f"{sweep.name}.png", sheet(images, len(sweep.values)))
