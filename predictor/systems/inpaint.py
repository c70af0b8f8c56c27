"""Filling holes in photographs: masked reconstruction, and a discriminator of what was painted.

Pathak et al. 2016. The generator, the discriminator, the masks and the weights of the losses are
settings: the paper's networks and the default one are trained by the same phases.
"""

import functools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from predictor.classical_fill import METHODS, opencv_fill
from predictor.data import (
    HeldOutPhotos,
    MaskKind,
    MaskSettings,
    MaskSource,
    PhotoDataset,
    PhotoSettings,
    index_photos,
    split_by_file,
)
from predictor.inpainter import Inpainter
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
from predictor.media.images import write_png
from predictor.metrics import percent_error, psnr
from predictor.systems.entry import TrainingData
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings, Table
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB, rescaled

_logger = logging.getLogger(__name__)

DISCRIMINATOR = "discriminator"


class InpaintLossSettings(Table):
    """The terms of the generator's loss; a weight of 0 leaves the term out."""

    reconstruction: float = Field(0.999, ge=0)
    """Weight of the masked reconstruction."""
    pixel_loss: Literal["lp", "log_lp"] = "lp"
    """``log_lp`` asks for the same share of every image's error, as a mean of PSNR does."""
    p: Literal[1, 2] = 2
    overlap_px: Annotated[int, Field(ge=0)] | Literal["all"] = 7
    """Known pixels around the hole that are reconstructed too, or all that are painted."""
    overlap_weight: float = Field(10.0, ge=0)
    """How much more than the hole they count."""
    mean_over: Literal["hole", "painted"] = "hole"
    """What the mean of ``lp`` is over: the missing pixels, or all that the network paints."""
    reduction: Reduction = "mean"
    gradient_difference: float = Field(0.0, ge=0)
    adversarial: float = Field(0.001, ge=0)
    feature_matching: float = Field(0.0, ge=0)
    """Weight of matching the discriminator's activations; with `adversarial` 0 it is trained for
    this alone, with both 0 there is none."""
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
    generator: NetworkSettings = NetworkSettings(network="inpainting")
    discriminator: NetworkSettings = NetworkSettings(network="inpainting-discriminator")
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
    """Let the generator be judged by the discriminator as it was before its own update (official
    code, which reuses its output)."""
    discriminator_from: int = Field(0, ge=0)
    """Iteration from which the discriminator is trained and its terms count."""
    shared_masks: bool = False
    """Give all images of a batch the first one's mask (official code for random regions)."""
    photos: PhotoSettings = PhotoSettings()
    masks: MaskSettings = MaskSettings()
    validation_share: float = Field(0.1, gt=0, lt=1)
    """Share of the photographs held out, where the data has no ``val`` folder."""
    validation_photos: int | None = Field(None, ge=1)
    """Held-out photographs looked at during the run; None is all."""
    validation_masks: tuple[MaskKind, ...] = Field(("centre", "strokes"), min_length=1)
    """Kinds of mask that each is measured with."""
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
            raise ValueError("stale_discriminator reuses the batch: it needs shared_batches")
        if self.discriminator_from and not self.shared_batches:
            raise ValueError("discriminator_from tells the generator by shared batches: set those")
        return self

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
        validate=validate,
        best_by=("psnr_db", "max"),
        preview=preview,
    )


def open_data(settings: InpaintSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return parts of photographs to train on and held-out ones from a folder of pictures.

    Every file is looked at once for the index, which is kept as ``index.json`` in the folder `run`.
    """
    cache = None if run is None else run / "index.json"
    index = index_photos(path, cache, progress=_log_progress)
    train, held_out = split_by_file(index, settings.validation_share)
    if settings.validation_photos is not None:
        step = max(1, -(-len(held_out.names) // settings.validation_photos))
        held_out = held_out.subset(set(held_out.names[::step]))
    masks = MaskSource(settings.masks)
    measured = {
        kind: MaskSource(
            settings.masks.model_copy(
                update={
                    "kinds": {kind: 1.0},
                    "area": settings.validation_area,
                    "folder": settings.masks.folder if kind == "files" else None,
                }
            )
        )
        for kind in settings.validation_masks
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
    )


def _log_progress(done: int, count: int, name: str) -> None:
    if done % 1000 == 0 or done == count:
        _logger.info("looked through %d of %d photographs", done, count)


def _has_begun(start: int, iteration: int, losses: object) -> bool:
    return iteration >= start


class _Shown:
    """A batch as both phases use it, in the range that the generator works in."""

    def __init__(self, settings: InpaintSettings, networks: Networks, batch: Batch) -> None:
        generator: Any = networks["generator"]
        self.images = rescaled(batch["image"], IMAGE_RANGE, generator.pixel_range)
        masks = batch["mask"]
        self.masks = masks[:1].expand_as(masks) if settings.shared_masks else masks
        self.region = (..., *generator.region(*self.images.shape[-2:]))
        self._composites = settings.losses.judged == "composite"
        self._judge: Any = networks.get(DISCRIMINATOR)

    def judgement(self, images: Tensor) -> Any:
        """Return what the discriminator says of `images`, the truth or a prediction of it."""
        if self._composites:
            images = torch.where(self.masks > 0, images, self.images)
        return self._judge(images[self.region], self.images, self.masks)

    def judged(self, logits: Tensor) -> Tensor | None:
        """Return which logits are of places that see some of a hole: the others are always real.

        They are 1 and the others 0; None where all are.
        """
        if logits.shape[-2:] == (1, 1):
            return None
        sees = functional.adaptive_max_pool2d(self.masks[self.region], logits.shape[-2:])
        return (sees > 0).to(sees.dtype)


def _generator_loss(
    settings: InpaintSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Pathak et al. 2016, section 3: λrec reconstruction + λadv adversarial; and what came since.

    Every stage of the generator is reconstructed, only the last is judged.
    """
    losses, shown = settings.losses, _Shown(settings, networks, batch)
    stages = networks["generator"](shown.images, shown.masks)
    reach = None if losses.overlap_px == "all" else losses.overlap_px
    weights = overlap_weights(shown.masks, reach, losses.overlap_weight)[shown.region]
    hole, truth = shown.masks[shown.region], shown.images[shown.region]
    painted = [stage[shown.region] for stage in stages]
    terms: dict[str, Tensor] = {}
    if losses.reconstruction:
        found = [_reconstruction(losses, stage, truth, weights, hole) for stage in painted]
        terms[losses.pixel_loss] = losses.reconstruction * torch.stack(found).mean()
    if losses.gradient_difference:
        found = [masked_gradient_difference_loss(s, truth, hole / hole.mean()) for s in painted]
        terms["gradient_difference"] = losses.gradient_difference * torch.stack(found).mean()
    if not losses.is_judged or (settings.discriminator_from and "is_trained" not in earlier):
        return PhaseLoss(terms)
    judgement = shown.judgement(stages[-1])
    if losses.adversarial:
        logits = judgement.logits
        wants_real = real_loss(logits, weights=shown.judged(logits))  # non-saturating
        terms["adversarial"] = losses.adversarial * wants_real
    if losses.feature_matching:
        with torch.no_grad():
            real = shown.judgement(shown.images).features
        terms["feature_matching"] = losses.feature_matching * paired_feature_loss(
            judgement.features, real, hole
        )
    return PhaseLoss(terms)


def _reconstruction(
    losses: InpaintLossSettings, painted: Tensor, truth: Tensor, weights: Tensor, hole: Tensor
) -> Tensor:
    if losses.pixel_loss == "log_lp":
        return masked_log_lp_loss(painted, truth, weights, losses.p)
    if losses.mean_over == "hole":
        weights = weights / hole.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
    return masked_lp_loss(painted, truth, weights, losses.p, losses.reduction)


def _discriminator_loss(
    settings: InpaintSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Pathak et al. 2016, eq. 2: the truth against what the generator paints, each by itself."""
    shown = _Shown(settings, networks, batch)
    with torch.no_grad():
        painted = networks["generator"](shown.images, shown.masks)[-1]
    real = shown.judgement(shown.images).logits
    fake = shown.judgement(painted).logits
    return PhaseLoss(
        {
            "real": real_loss(real, weights=shown.judged(real)),
            "fake": fake_loss(fake, weights=shown.judged(fake)),
        },
        outputs={"is_trained": torch.ones(())},
    )


@torch.no_grad()
def validate(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
    """Return L1, L2 and PSNR of the holes, and the gain over the better of OpenCV's two fills.

    Means over the images of each kind of mask, then over the kinds; ``psnr_centre_db`` and
    ``gain_centre_db`` are those of one kind.
    """
    inpainter = Inpainter(networks["generator"])
    rows: dict[str, list[dict[str, float]]] = {}
    for batch in batches:
        images, masks = batch["image"], batch["mask"]
        fills = {"ours": inpainter.fill(images, masks)}
        fills |= {method: opencv_fill(images, masks, method) for method in METHODS}
        numbers = {
            name: psnr(fill, images, IMAGE_RANGE, masks, PSNR_CAP_DB).tolist()
            for name, fill in fills.items()
        }
        for p in (1, 2):
            error = percent_error(fills["ours"], images, IMAGE_RANGE, p, masks)
            numbers[f"l{p}_percent"] = error.tolist()
        for number, kind in enumerate(batch["kind"]):
            row = {name: values[number] for name, values in numbers.items()}
            rows.setdefault(kind, []).append(row)
    means = {
        kind: {name: sum(row[name] for row in found) / len(found) for name in found[0]}
        for kind, found in rows.items()
    }
    result: dict[str, float] = {}
    for kind, mean in means.items():
        mean["psnr_db"] = mean["ours"]
        mean["gain_db"] = mean["ours"] - max(mean[method] for method in METHODS)
        result[f"psnr_{kind}_db"] = mean["psnr_db"]
        result[f"gain_{kind}_db"] = mean["gain_db"]
    for name in ("psnr_db", "gain_db", "l1_percent", "l2_percent"):
        if means:
            result[name] = sum(mean[name] for mean in means.values()) / len(means)
    return result


@torch.no_grad()
def preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``inpaint.png``: one row an image, at most eight: masked, filled, truth."""
    from torchvision.utils import make_grid  # seconds to import, and only runs look at previews

    images, masks = batch["image"][:8].float(), batch["mask"][:8]
    filled = Inpainter(networks["generator"]).fill(images, masks)
    masked = images.where(masks == 0, 1.0)
    rows = torch.stack([masked, filled, images], dim=1)
    sheet = make_grid(rows.flatten(0, 1).cpu(), nrow=3, pad_value=1.0)
    write_png(folder / "inpaint.png", sheet)
