"""Filling holes in photographs: masked reconstruction, and a discriminator of what was painted.

Pathak et al. 2016. The generator, the discriminator, the masks and the weights of the losses are
settings: the paper's networks and the default one are trained by the same phases.
"""

import functools
import logging
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, ValidationError, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from predictor.data import (
    HeldOutPhotos,
    MaskKind,
    MaskSettings,
    MaskSource,
    PhotoDataset,
    PhotoSettings,
    index_photos,
    split_by_file,
    thinned,
)
from predictor.gathering import averaged, gathered
from predictor.losses import (
    Reduction,
    fake_loss,
    masked_gradient_difference_loss,
    masked_log_lp_loss,
    masked_lp_loss,
    overlap_weights,
    paired_feature_loss,
    real_loss,
)
from predictor.model_files import DISCRIMINATOR
from predictor.systems.entry import TrainingData
from predictor.systems.inpaint_reports import inpaint_preview, inpaint_validation
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System
from predictor.systems.settings import (
    NetworkSettings,
    OptimizerSettings,
    RunSettings,
    Table,
    playing,
)
from predictor.tensors import IMAGE_RANGE, rescaled

_logger = logging.getLogger(__name__)


class InpaintLossSettings(Table):
    """The terms of the generator's loss; a weight of 0 leaves the term out."""

    reconstruction: float = Field(0.999, ge=0)
    """Weight of the masked reconstruction."""
    pixel_loss: Literal["lp", "log_lp"] = "lp"
    """``log_lp`` is relative to each image's own error, as a mean of PSNR is; see
    `masked_log_lp_loss`."""
    p: Literal[1, 2] = 2
    overlap_px: Annotated[int, Field(ge=0)] | Literal["all"] = 7
    """Width of the band of known pixels around the hole that is reconstructed too, or ``"all"``."""
    overlap_weight: float = Field(10.0, ge=0)
    """Weight of those known pixels, where a missing one has 1."""
    mean_over: Literal["hole", "painted"] = "hole"
    """What the ``mean`` of ``lp`` is over: the missing pixels, or all that are painted."""
    reduction: Reduction = "mean"
    gradient_difference: float = Field(0.0, ge=0)
    adversarial: float = Field(0.001, ge=0)
    feature_matching: float = Field(0.0, ge=0)
    """Weight of matching the discriminator's activations. With `adversarial` 0 the discriminator is
    trained for this term alone; with both 0 there is none."""
    judged: Literal["composite", "painted"] = "composite"
    """What the discriminator sees: the image with its holes filled, or all that was painted."""

    @property
    def is_judged(self) -> bool:
        """Whether there is a discriminator."""
        return self.adversarial > 0 or self.feature_matching > 0


class InpaintSettings(RunSettings):
    """A run of the system ``inpaint``; the defaults train the default network."""

    places: ClassVar[frozenset[str]] = frozenset({"masks.folder"})
    changeable: ClassVar[frozenset[str]] = RunSettings.changeable | places

    iterations: int = 40_000
    generator: Annotated[NetworkSettings, playing("filler")] = NetworkSettings(network="inpainting")
    discriminator: Annotated[NetworkSettings, playing("judge of fills")] = NetworkSettings(
        network="inpainting-discriminator"
    )
    losses: InpaintLossSettings = InpaintLossSettings(
        reconstruction=1.0, pixel_loss="log_lp", overlap_px=0, adversarial=0.0
    )
    generator_optimizer: OptimizerSettings = OptimizerSettings(
        learning_rate=1e-3,
        final_learning_rate=1e-5,
        warmup_iterations=200,
        weight_decay=1e-4,
        gradient_norm_limit=1.0,
    )
    discriminator_optimizer: OptimizerSettings = OptimizerSettings(
        kind="adam", learning_rate=2e-4, final_learning_rate=2e-5, betas=(0.5, 0.999)
    )
    average_decay: float = Field(0.999, ge=0, lt=1)
    """Decay an iteration of the generator's exponential average; 0 keeps none."""
    shared_batches: bool = True
    """Train the generator on the photographs the discriminator has just seen, not on its own."""
    stale_discriminator: bool = False
    """Compute the generator's loss with the discriminator as it was before this iteration's update
    (official code, which reuses its output)."""
    discriminator_from: int = Field(0, ge=0)
    """Iteration from which the discriminator is trained and its terms count."""
    shared_masks: bool = False
    """Give all images of a batch the first one's mask (official code for random regions)."""
    photos: PhotoSettings = PhotoSettings()
    masks: MaskSettings = MaskSettings()
    validation_share: float = Field(0.1, gt=0, lt=1)
    """Share of the photographs held out, where the data has no ``val`` folder."""
    validation_photos: int | None = Field(None, ge=1)
    """Held-out photographs that validation uses during the run; None is all."""
    validation_masks: tuple[MaskKind, ...] = Field(("centre", "strokes"), min_length=1)
    """Kinds of mask; every held-out photograph is measured with each."""
    validation_area: tuple[float, float] = (0.1, 0.3)
    """Share of the image that those masks cover; ``centre`` keeps its size."""

    @model_validator(mode="after")
    def _fits(self) -> "InpaintSettings":
        painter, judge = self.generator.config(), self.discriminator.config()
        side = getattr(painter, "side_px", None)
        if side is not None and self.photos.crop != (side, side):
            raise ValueError(
                f"photos.crop is {self.photos.crop}, the generator takes {side}x{side}"
            )
        multiple = getattr(painter, "multiple", 1)
        if any(length % multiple for length in self.photos.crop):
            raise ValueError(
                f"photos.crop is {self.photos.crop}, expected multiples of {multiple} for this "
                "generator"
            )
        painted = getattr(painter, "painted_px", None)
        seen = getattr(judge, "side_px", None)
        if self.losses.is_judged and seen is not None and seen != painted:
            raise ValueError(
                f"the discriminator judges {seen} pixels, the generator paints {painted}"
            )
        if side is not None and painted is not None and painted < side:
            self._require_centre(side, painter.hole_px)
        if self.stale_discriminator and not self.shared_batches:
            raise ValueError("stale_discriminator needs shared_batches: set shared_batches=true")
        if self.discriminator_from and not self.shared_batches:
            raise ValueError("discriminator_from needs shared_batches: set shared_batches=true")
        losses = self.losses
        is_judged_at_once = losses.is_judged and not self.discriminator_from
        if not (losses.reconstruction or losses.gradient_difference or is_judged_at_once):
            raise ValueError(
                "losses has no term for the first iteration: set losses.reconstruction above 0"
            )
        for kind in self.validation_masks:
            try:
                self.masks_to_validate(kind)
            except ValidationError as error:
                message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"for validation with {kind}, {message}") from error
        return self

    def masks_to_validate(self, kind: MaskKind) -> MaskSettings:
        """Return how masks of one of `validation_masks` are drawn."""
        return MaskSettings(
            kinds={kind: 1.0},
            area=self.validation_area,
            centre_share=self.masks.centre_share,
            folder=self.masks.folder if kind == "files" else None,
        )

    def _require_centre(self, side: int, hole_px: int) -> None:
        kinds = set(self.masks.odds) | set(self.validation_masks)
        hole = round(side * self.masks.centre_share)
        if kinds != {"centre"} or hole != hole_px:
            raise ValueError(
                f"masks are {', '.join(sorted(kinds))} of {hole} pixels, the generator paints the "
                f"middle: expected centre, with generator.hole_px={hole}"
            )


def build(settings: InpaintSettings) -> System:
    """Return the generator, its discriminator and the two phases that train them."""
    networks: dict[str, nn.Module] = {"generator": settings.generator.build()}
    phases: list[Phase] = []
    if settings.losses.is_judged:
        start = settings.discriminator_from
        networks[DISCRIMINATOR] = settings.discriminator.build()
        phases.append(
            Phase(
                name=DISCRIMINATOR,
                network=DISCRIMINATOR,
                loss=functools.partial(_discriminator_loss, settings),
                optimizer=settings.discriminator_optimizer.optimizer(settings.iterations),
                when=functools.partial(_has_begun, start) if start else None,
            )
        )
    phases.append(
        Phase(
            name="generator",
            network="generator",
            loss=functools.partial(_generator_loss, settings),
            optimizer=settings.generator_optimizer.optimizer(settings.iterations),
            draws_from=DISCRIMINATOR if settings.shared_batches and phases else None,
        )
    )
    return System(
        networks=networks,
        phases=tuple(phases),
        release="generator",
        averages={"generator": settings.average_decay} if settings.average_decay else {},
        update="together" if settings.stale_discriminator else "in_turn",
        validate=inpaint_validation,
        best_by=("psnr_db", "max"),
        preview=inpaint_preview,
    )


def open_data(settings: InpaintSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return parts of photographs to train on and held-out ones from a folder of pictures.

    Every file is looked at once for the index, which is kept as ``index.json`` in the folder `run`,
    beside ``held_out.json``, the names of those held out.
    """
    cache = None if run is None else run / "index.json"
    index = index_photos(path, cache, progress=_log_progress)
    train, held_out = split_by_file(index, settings.validation_share, run=run)
    held_out = thinned(held_out, settings.validation_photos)
    masks = MaskSource(settings.masks)
    measured = {
        kind: MaskSource(settings.masks_to_validate(kind)) for kind in settings.validation_masks
    }
    skipped = [f"{name}: {reason}" for name, reason in index.skipped]
    if masks.files is not None:
        skipped += masks.files.skipped
    return TrainingData(
        train=PhotoDataset(train, settings.photos, masks, settings.seed),
        validation=DataLoader(
            HeldOutPhotos(held_out, settings.photos.crop, measured), batch_size=8
        ),
        skipped=skipped,
        digest=index.digest,
        held_out=held_out.digest,
    )


def _log_progress(done: int, count: int, name: str) -> None:
    if done % 1000 == 0 or done == count:
        _logger.info("looked through %d of %d photographs", done, count)


def _has_begun(start: int, iteration: int, losses: object) -> bool:
    return iteration >= start


class _Examples:
    """A batch as both phases use it, in the pixel range of the generator."""

    def __init__(self, settings: InpaintSettings, networks: Networks, batch: Batch) -> None:
        generator: Any = networks["generator"]
        self.images = rescaled(batch["image"], IMAGE_RANGE, generator.pixel_range)
        masks = batch["mask"]
        self.masks = gathered(masks)[:1].expand_as(masks) if settings.shared_masks else masks
        self.region = (..., *generator.region(*self.images.shape[-2:]))
        self._composites = settings.losses.judged == "composite"
        self._judge: Any = networks.get(DISCRIMINATOR)

    def judgement(self, images: Tensor) -> Any:
        """Return the discriminator's answer for `images`, the true ones or predictions of them."""
        if self._composites:
            images = torch.where(self.masks > 0, images, self.images)
        return self._judge(images[self.region], self.images, self.masks)

    def logit_weights(self, logits: Tensor) -> Tensor | None:
        """Return weights for the logits of patches: 1 where a patch holds some of a hole, else 0.

        A patch without missing pixels is real in both cases and would only teach the discriminator
        to contradict itself. None for a discriminator with one logit per image.
        """
        if logits.shape[-2:] == (1, 1):
            return None
        missing = functional.adaptive_max_pool2d(self.masks[self.region], logits.shape[-2:])
        return (missing > 0).to(missing.dtype)


def _generator_loss(
    settings: InpaintSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Pathak et al. 2016, section 3: λrec reconstruction + λadv adversarial, and optional terms.

    The pixel terms are means over all stages of the generator; the discriminator sees the last.
    """
    losses, examples = settings.losses, _Examples(settings, networks, batch)
    stages = networks["generator"](examples.images, examples.masks)
    overlap_px = None if losses.overlap_px == "all" else losses.overlap_px
    weights = overlap_weights(examples.masks, overlap_px, losses.overlap_weight)[examples.region]
    hole, truth = examples.masks[examples.region], examples.images[examples.region]
    painted = [stage[examples.region] for stage in stages]
    terms: dict[str, Tensor] = {}
    if losses.reconstruction:
        parts = [_reconstruction(losses, stage, truth, weights, hole) for stage in painted]
        terms[losses.pixel_loss] = losses.reconstruction * torch.stack(parts).mean()
    if losses.gradient_difference:
        shares = hole / averaged(hole.mean())
        parts = [masked_gradient_difference_loss(stage, truth, shares) for stage in painted]
        terms["gradient_difference"] = losses.gradient_difference * torch.stack(parts).mean()
    if not losses.is_judged or (settings.discriminator_from and "is_trained" not in earlier):
        return PhaseLoss(terms)
    judgement = examples.judgement(stages[-1])
    if losses.adversarial:
        logits = judgement.logits
        # Non-saturating: -ln D of the painted image.
        loss = real_loss(logits, weights=examples.logit_weights(logits))
        terms["adversarial"] = losses.adversarial * loss
    if losses.feature_matching:
        with torch.no_grad():
            real = examples.judgement(examples.images).features
        terms["feature_matching"] = losses.feature_matching * paired_feature_loss(
            judgement.features, real, hole
        )
    return PhaseLoss(terms)


def _reconstruction(
    losses: InpaintLossSettings, painted: Tensor, truth: Tensor, weights: Tensor, hole: Tensor
) -> Tensor:
    if losses.pixel_loss == "log_lp":
        return masked_log_lp_loss(painted, truth, weights, losses.p)
    if losses.mean_over == "hole" and losses.reduction == "mean":
        weights = weights / hole.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
    return masked_lp_loss(painted, truth, weights, losses.p, losses.reduction)


def _discriminator_loss(
    settings: InpaintSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Pathak et al. 2016, eq. 2: the truth against what the generator paints.

    The two are separate batches for batch normalization.
    """
    examples = _Examples(settings, networks, batch)
    with torch.no_grad():
        painted = networks["generator"](examples.images, examples.masks)[-1]
    real = examples.judgement(examples.images).logits
    fake = examples.judgement(painted).logits
    return PhaseLoss(
        {
            "real": real_loss(real, weights=examples.logit_weights(real)),
            "fake": fake_loss(fake, weights=examples.logit_weights(fake)),
        },
        outputs={"is_trained": torch.ones(())},
    )
