"""Next-frame prediction: pixel, gradient-difference and adversarial losses at every scale.

Mathieu, Couprie, LeCun 2016. The generator, the discriminators and the weights of the losses are
settings: the paper's networks and the default ones are trained by the same phases.
"""

import contextlib
import functools
import logging
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from predictor.analysis.frames_summary import LOSS_DB
from predictor.data import (
    ClipDataset,
    ClipSettings,
    VideoIndex,
    evaluation_windows,
    index_videos,
    split_by_file,
    videos_with_windows,
    with_packed_frames,
)
from predictor.errors import SettingsError
from predictor.flow import constant_velocity
from predictor.frame_predictor import FramePredictor
from predictor.losses import (
    Reduction,
    fake_loss,
    gradient_difference_loss,
    log_lp_loss,
    lp_loss,
    non_saturating_generator_loss,
    real_loss,
    setback_loss,
)
from predictor.media.encoding import VideoWriter
from predictor.media.folder import folder_info
from predictor.media.images import write_png
from predictor.metrics import psnr, ssim
from predictor.networks import NETWORKS
from predictor.pyramid import pooled_at_factors
from predictor.systems.entry import TrainingData
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings, Table
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB, rescaled, shown_difference

_logger = logging.getLogger(__name__)

PREVIEW_RATE_HZ = Fraction(5)
PIXEL_LOSSES = {"lp": lp_loss, "log_lp": log_lp_loss}


class FrameLossSettings(Table):
    """The terms of the generator's loss; a weight of 0 leaves the term out."""

    pixel_loss: Literal["lp", "log_lp"] = "lp"
    """``log_lp`` asks for the same share of every clip's error, as a mean of PSNR does."""
    lp: float = Field(1.0, ge=0)
    """Weight of the pixel loss."""
    p: Literal[1, 2] = 1
    gradient_difference: float = Field(1.0, ge=0)
    gradient_difference_alpha: float = Field(1.0, ge=1)
    setback: float = Field(0.0, ge=0)
    """Weight of what an example loses against repeating its last frame; see `setback_loss`."""
    adversarial: float = Field(0.05, ge=0)
    """0 trains no discriminators."""
    reduction: Reduction = "mean"
    scale_weights: tuple[float, ...] | None = None
    """Weight of the pixel and gradient terms at each scale, coarsest first; None is 1 each."""
    mismatched_pairs: bool = False
    """Show the discriminators frames behind another clip's context too, and count the real pairs
    twice (official script, advExt = full). Differs: there the second real pair is a fresh one; the
    expected gradient is the same."""


class FramesSettings(RunSettings):
    """A run of the system ``frames``; the defaults train the default network."""

    changeable: ClassVar[frozenset[str]] = RunSettings.changeable | {"packed_frames_gb"}

    generator: NetworkSettings = NetworkSettings(network="motion")
    discriminators: NetworkSettings = NetworkSettings(network="patch-discriminators")
    losses: FrameLossSettings = FrameLossSettings(
        pixel_loss="log_lp", lp=0.04, p=2, gradient_difference=0.2, setback=0.02, adversarial=0.002
    )
    generator_optimizer: OptimizerSettings = OptimizerSettings(
        warmup_iterations=100, weight_decay=1e-4, gradient_norm_limit=1.0
    )
    discriminator_optimizer: OptimizerSettings = OptimizerSettings(
        kind="adam", learning_rate=2e-4, final_learning_rate=2e-5, betas=(0.5, 0.999)
    )
    average_decay: float | None = Field(0.999, ge=0, lt=1)
    """Decay an iteration of the generator's exponential average; 0 or None keeps none."""
    shared_batches: bool = True
    """Train the generator on the clips the discriminators have just seen, not on its own."""
    clips: ClipSettings = ClipSettings(context_frames=12, crop=(160, 224), short_context=0.15)
    validation_share: float = Field(0.1, gt=0, lt=1)
    """Share of the videos held out, where the data has no ``val`` folder."""
    validation_windows: int = Field(2, ge=1)
    """Windows of each held-out video."""
    validation_videos: int | None = Field(None, ge=1)
    """Held-out videos looked at during the run; None is all."""
    packed_frames_gb: float = Field(0.0, ge=0)
    """Decoded frames kept in the run's folder, at most so many 10^9 bytes, for runs that wait for
    decoding."""

    @model_validator(mode="before")
    @classmethod
    def _context_is_what_the_generator_takes(cls, values: Any) -> Any:
        """Put the generator's number of frames where `clips` does not say one."""
        clips, generator = values.get("clips", {}), values.get("generator")
        if not isinstance(generator, dict) or "context_frames" in clips:
            return values
        with contextlib.suppress(ValueError):  # which the field will say again
            context = NetworkSettings.model_validate(generator).config().context
            return {**values, "clips": {**clips, "context_frames": context}}
        return values

    @model_validator(mode="after")
    def _fits(self) -> "FramesSettings":
        context = self.clips.context_frames
        wanted, seen = self.generator.config().context, self.discriminators.config().context
        if wanted != context:
            raise ValueError(
                f"clips.context_frames is {context}, but the generator takes {wanted} frames"
            )
        if seen > context:
            raise ValueError(
                f"clips.context_frames is {context}, but the discriminators see {seen} frames"
            )
        if any(side % 8 for side in self.clips.crop):
            raise ValueError(f"clips.crop is {self.clips.crop}, expected multiples of 8")
        patch = getattr(self.discriminators.config(), "patch_size", self.clips.crop)
        if self.losses.adversarial and patch != self.clips.crop:
            raise ValueError(
                f"clips.crop is {self.clips.crop}, but discriminators.patch_size is {patch}"
            )
        return self


def build(settings: FramesSettings) -> System:
    """Return the generator, its discriminators and the two phases that train them.

    Raises `SettingsError` where losses or discriminators are for another number of scales.
    """
    generator = settings.generator.build()
    _require_scales(settings, generator)
    networks: dict[str, nn.Module] = {"generator": generator}
    phases: list[Phase] = []
    if settings.losses.adversarial:
        networks["discriminators"] = settings.discriminators.build()
        phases.append(
            Phase(
                name="discriminators",
                network="discriminators",
                loss=functools.partial(_discriminators_loss, settings.losses),
                optimizer=settings.discriminator_optimizer.optimizer(settings.iterations),
            )
        )
    phases.append(
        Phase(
            name="generator",
            network="generator",
            loss=functools.partial(_generator_loss, settings.losses),
            optimizer=settings.generator_optimizer.optimizer(settings.iterations),
            draws_from="discriminators" if settings.shared_batches and phases else None,
        )
    )
    return System(
        networks=networks,
        phases=tuple(phases),
        release="generator",
        averages={"generator": settings.average_decay} if settings.average_decay else {},
        validate=validate,
        best_by=("psnr_1_db", "max"),
        preview=preview,
    )


def _require_scales(settings: FramesSettings, generator: Any) -> None:
    count, weights = len(generator.factors), settings.losses.scale_weights
    if weights is not None and len(weights) != count:
        raise SettingsError(f"losses.scale_weights are {weights}, the generator has {count} scales")
    judged = settings.discriminators.config().factors
    if settings.losses.adversarial and judged != generator.factors:
        raise SettingsError(
            f"the discriminators judge frames pooled by {judged}, "
            f"the generator makes {generator.factors}"
        )


def open_data(settings: FramesSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return clips to train on and windows of held-out videos from a folder of videos.

    Every video is decoded once for the index, which is kept as ``index.npz`` in the folder `run`,
    and once more for ``frames.bin`` there where `settings` ask for packed frames.
    """
    cache = None if run is None else run / "index.npz"
    index = index_videos(path, cache, progress=functools.partial(_log_progress, "looked through"))
    if run is not None and settings.packed_frames_gb:
        index = with_packed_frames(
            index,
            run / "frames.bin",
            int(settings.packed_frames_gb * 1e9),
            progress=functools.partial(_log_progress, "packed"),
        )
    train, held_out = split_by_file(index, settings.validation_share, videos_with_windows(index))
    if settings.validation_videos is not None:
        names = sorted(video.name for video in held_out.videos)
        step = max(1, math.ceil(len(names) / settings.validation_videos))
        held_out = held_out.subset(set(names[::step]))
    windows = evaluation_windows(held_out, per_clip=settings.validation_windows)
    return TrainingData(
        train=ClipDataset(train, settings.clips, settings.seed, _evidence(settings.generator)),
        validation=DataLoader(windows, batch_size=1),
        skipped=[f"{name}: {reason}" for name, reason in index.skipped] + _read_in_part(index),
    )


def _read_in_part(index: VideoIndex) -> list[str]:
    return [
        f"{video.name}: all after its first {video.frame_count} frames: {video.truncated}"
        for video in index.videos
        if video.truncated
    ]


def _evidence(generator: NetworkSettings) -> Callable[[Tensor], dict[str, Tensor]] | None:
    """Return what the generator's class finds in a clip ahead, if it does."""
    found = getattr(NETWORKS[generator.network][1], "evidence", None)
    return None if found is None else functools.partial(found, generator.config())


def _log_progress(what: str, done: int, count: int, name: str) -> None:
    if done % 100 == 0 or done == count:
        _logger.info("%s %d of %d videos", what, done, count)


def _generator_loss(
    weights: FrameLossSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Mathieu et al. 2016, section 3.2: λp Lp + λgdl GDL + λadv adversarial, over all scales."""
    generator: Any = networks["generator"]
    context, targets = _split(generator, batch["clip"])
    discriminators: Any = networks.get("discriminators")
    sums: dict[str, list[Tensor]] = {}
    known = {name: tensor for name, tensor in batch.items() if name != "clip"}
    for target in targets.unbind(1):
        predictions = generator(context, **known)
        known = {}
        truths = pooled_at_factors(target, generator.factors)
        shares = weights.scale_weights or (1.0,) * len(truths)
        for prediction, truth, share in zip(predictions, truths, shares, strict=True):
            if weights.lp:
                pixel_loss = PIXEL_LOSSES[weights.pixel_loss]
                term = pixel_loss(prediction, truth, weights.p, weights.reduction)
                sums.setdefault(weights.pixel_loss, []).append(weights.lp * share * term)
            if weights.gradient_difference:
                term = gradient_difference_loss(
                    prediction, truth, weights.gradient_difference_alpha, weights.reduction
                )
                sums.setdefault("gradient_difference", []).append(
                    weights.gradient_difference * share * term
                )
        if weights.setback:
            term = setback_loss(predictions[-1], target, context[:, -1])
            sums.setdefault("setback", []).append(weights.setback * term)
        if weights.adversarial:
            seen = context[:, -discriminators.context :]
            for logits in discriminators(seen, predictions):
                term = non_saturating_generator_loss(logits, "mean")
                sums.setdefault("adversarial", []).append(weights.adversarial * term)
        context = torch.cat([context[:, 1:], predictions[-1][:, None]], dim=1)
    count = targets.shape[1]
    return PhaseLoss({name: torch.stack(terms).sum() / count for name, terms in sums.items()})


def _discriminators_loss(
    weights: FrameLossSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Mathieu et al. 2016, section 3.2: real frames against predicted ones at every scale."""
    generator: Any = networks["generator"]
    discriminators: Any = networks["discriminators"]
    context, targets = _split(generator, batch["clip"])
    with torch.no_grad():
        known = {name: tensor for name, tensor in batch.items() if name != "clip"}
        predictions = [p.detach() for p in generator(context, **known)]
    truths = pooled_at_factors(targets[:, 0], generator.factors)
    context = context[:, -discriminators.context :]
    real = discriminators(context, truths)
    fake = discriminators(context, predictions)
    terms = {
        "real": _summed(real_loss(logits) for logits in real),
        "fake": _summed(fake_loss(logits) for logits in fake),
    }
    if weights.mismatched_pairs:
        terms["real"] = 2 * terms["real"]
        others = discriminators(context, [truth.roll(1, dims=0) for truth in truths])
        terms["mismatched"] = _summed(fake_loss(logits) for logits in others)
    return PhaseLoss(terms)


def _split(generator: Any, clip: Tensor) -> tuple[Tensor, Tensor]:
    """Return context and targets in the range that the generator works in."""
    clip = rescaled(clip, IMAGE_RANGE, generator.pixel_range)
    return clip[:, : generator.context], clip[:, generator.context :]


def _summed(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack([*terms]).sum()


@torch.no_grad()
def validate(networks: Networks, windows: Iterable[Batch]) -> dict[str, float]:
    """Return PSNR and SSIM of the first and the last frame predicted, and the gain over DIS.

    Windows are 12 frames of context and the frames after them; PSNR is capped at 60 dB. A window
    counts as worse than repeating the last frame from 0.1 dB on.
    """
    predictor = FramePredictor(networks["generator"])
    rows: list[dict[str, float]] = []
    for window in windows:
        clip = window["clip"]
        context = clip[:, : predictor.context_frames]
        targets = clip[:, predictor.context_frames :]
        count = targets.shape[1]
        predicted = predictor.predict(context, count)
        classical = constant_velocity(context, count)
        row = {}
        for ahead in (1, count):
            truth, ours = targets[:, ahead - 1], predicted[:, ahead - 1]
            decibels = float(_psnr(ours, truth))
            row[f"psnr_{ahead}_db"] = decibels
            row[f"gain_{ahead}_db"] = decibels - float(_psnr(classical[:, ahead - 1], truth))
            repeated = float(_psnr(context[:, -1], truth))
            row[f"worse_than_repeat_{ahead}_share"] = float(decibels < repeated - LOSS_DB)
            row[f"ssim_{ahead}"] = float(ssim(ours, truth, IMAGE_RANGE).mean())
        rows.append(row)
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}


@torch.no_grad()
def preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``frames.png`` and ``frames.mp4``, what a person looks at while a run goes on.

    The picture has one row an example, at most four: last frame, truth, first prediction, their
    difference. The clip shows the first example slowly, truth on the left and on the
    right the same context with the frames predicted from it.
    """
    from torchvision.utils import make_grid  # seconds to import, and only runs look at previews

    predictor = FramePredictor(networks["generator"])
    clip = batch["clip"][:4].float()
    targets = max(1, clip.shape[1] - predictor.context_frames)
    context, truth = clip[:, :-targets], clip[:, -targets:]
    predicted = predictor.predict(context, targets)
    difference = shown_difference(predicted[:, 0], truth[:, 0])
    rows = torch.stack([context[:, -1], truth[:, 0], predicted[:, 0], difference], dim=1)
    sheet = make_grid(rows.flatten(0, 1).cpu(), nrow=4, pad_value=1.0)
    write_png(folder / "frames.png", sheet)

    beside = torch.cat([context, predicted], dim=1)
    pairs = torch.cat([clip[0], beside[0]], dim=-1).cpu()
    with VideoWriter(
        folder / "frames.mp4",
        like=folder_info(folder, PREVIEW_RATE_HZ),
        size=(pairs.shape[-2], pairs.shape[-1]),
    ) as writer:
        for number, pair in enumerate(pairs):
            writer.write(pair, number / PREVIEW_RATE_HZ)


def _psnr(prediction: Tensor, truth: Tensor) -> Tensor:
    return psnr(prediction, truth, IMAGE_RANGE, cap_db=PSNR_CAP_DB).mean()
