"""Next-frame prediction: pixel, gradient-difference and adversarial losses at every scale.

Mathieu, Couprie, LeCun 2016. The generator, the discriminators and the weights of the losses are
settings: the paper's networks and the default ones are trained by the same phases.
"""

import contextlib
import functools
import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from predictor.cadence import CONTEXT_FRAMES
from predictor.data import (
    ClipDataset,
    ClipSettings,
    VideoIndex,
    evaluation_windows,
    frame_bytes,
    index_videos,
    split_by_file,
    thinned,
    videos_with_windows,
    with_packed_frames,
)
from predictor.errors import SettingsError
from predictor.gathering import first_own_row, gathered
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
from predictor.networks import NETWORKS
from predictor.pyramid import pooled_at_factors
from predictor.systems.entry import MORE_WORKERS, TrainingData
from predictor.systems.frames_reports import frames_preview, frames_validation
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

PIXEL_LOSSES = {"lp": lp_loss, "log_lp": log_lp_loss}


class FrameLossSettings(Table):
    """The terms of the generator's loss; a weight of 0 leaves the term out."""

    pixel_loss: Literal["lp", "log_lp"] = "lp"
    """``log_lp`` is relative to each clip's own error, as a mean of PSNR is; see `log_lp_loss`."""
    lp: float = Field(1.0, ge=0)
    """Weight of the pixel loss."""
    p: Literal[1, 2] = 1
    gradient_difference: float = Field(1.0, ge=0)
    gradient_difference_alpha: float = Field(1.0, ge=1)
    setback: float = Field(0.0, ge=0)
    """Weight of the penalty for being worse than a repeat of the last frame; see `setback_loss`."""
    adversarial: float = Field(0.05, ge=0)
    """0 trains no discriminators."""
    reduction: Reduction = "mean"
    scale_weights: tuple[float, ...] | None = None
    """Weight of the pixel and gradient terms at each scale, coarsest first; None is 1 each."""
    mismatched_pairs: bool = False
    """Also show the discriminators real frames after the context of another clip, as fakes, and
    count the real pairs twice (official script, advExt = full). Differs: there the second real pair
    is a fresh one; the expected gradient is the same."""


class FramesSettings(RunSettings):
    """A run of the system ``frames``; the defaults train the default network."""

    changeable: ClassVar[frozenset[str]] = RunSettings.changeable | {"packed_frames_gb"}

    generator: Annotated[NetworkSettings, playing("predictor of frames")] = NetworkSettings(
        network="motion"
    )
    discriminators: Annotated[NetworkSettings, playing("judge of frames")] = NetworkSettings(
        network="patch-discriminators"
    )
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
    clips: ClipSettings = ClipSettings(
        context_frames=CONTEXT_FRAMES, crop=(160, 224), short_context=0.15
    )
    validation_share: float = Field(0.1, gt=0, lt=1)
    """Share of the videos held out, where the data has no ``val`` folder."""
    validation_windows: int = Field(2, ge=1)
    """Windows of each held-out video."""
    validation_videos: int | None = Field(None, ge=1)
    """Held-out videos that validation uses during the run; None is all."""
    packed_frames_gb: float = Field(0.0, ge=0)
    """Keep decoded frames in the run's folder, up to this many 10^9 bytes: for runs that decoding
    slows down."""

    @model_validator(mode="before")
    @classmethod
    def _context_is_what_the_generator_takes(cls, values: Any) -> Any:
        """Put the generator's number of frames where `clips` does not say one."""
        if not isinstance(values, dict) or "generator" not in values:
            return values
        clips = values.get("clips", {})
        if not isinstance(clips, dict) or "context_frames" in clips:
            return values
        with contextlib.suppress(ValueError):  # the field's own validator reports it
            config = NetworkSettings.model_validate(values["generator"]).config_with("context")
            return {**values, "clips": {**clips, "context_frames": config.context}}
        return values

    @model_validator(mode="after")
    def _fits(self) -> "FramesSettings":
        context = self.clips.context_frames
        made = self.generator.config_with("context", "factors")
        judges = self.discriminators.config_with("context", "factors")
        if made.context != context:
            raise ValueError(
                f"clips.context_frames is {context}, but the generator takes {made.context} frames"
            )
        factors = made.factors
        if self.losses.adversarial:
            factors = (*factors, *judges.factors)
            if judges.context > context:
                raise ValueError(
                    f"clips.context_frames is {context}, but the discriminators see "
                    f"{judges.context} frames"
                )
        multiple = max(factors)
        if any(side % multiple for side in self.clips.crop):
            raise ValueError(
                f"clips.crop is {self.clips.crop}, expected multiples of {multiple} for these "
                "networks"
            )
        patch = getattr(self.discriminators.config(), "patch_size", self.clips.crop)
        if self.losses.adversarial and patch != self.clips.crop:
            raise ValueError(
                f"clips.crop is {self.clips.crop}, but discriminators.patch_size is {patch}"
            )
        losses = self.losses
        if not (losses.lp or losses.gradient_difference or losses.setback or losses.adversarial):
            raise ValueError("losses has no term: set losses.lp above 0")
        if losses.mismatched_pairs and self.batch_size < 2:
            raise ValueError(
                f"batch_size is {self.batch_size}, expected 2 or more for losses.mismatched_pairs: "
                "a clip alone would be called fake behind its own context"
            )
        return self


def build(settings: FramesSettings) -> System:
    """Return the generator, its discriminators and the two phases that train them.

    Raises `SettingsError` where the losses or the discriminators do not fit the generator's scales.
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
        validate=frames_validation,
        best_by=("psnr_1_db", "max"),
        preview=frames_preview,
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
    ``held_out.json`` keeps the names of those held out.
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
    measurable = videos_with_windows(index)
    train, held_out = split_by_file(index, settings.validation_share, measurable, run)
    held_out = thinned(held_out, settings.validation_videos, measurable)
    windows = evaluation_windows(held_out, per_clip=settings.validation_windows)
    return TrainingData(
        train=ClipDataset(train, settings.clips, settings.seed, _evidence(settings.generator)),
        validation=DataLoader(windows, batch_size=1),
        skipped=[f"{name}: {reason}" for name, reason in index.skipped] + _read_in_part(index),
        digest=index.digest,
        held_out=held_out.digest,
        loading_remedy=_loading_remedy(index, settings),
    )


def _loading_remedy(index: VideoIndex, settings: FramesSettings) -> str:
    unpacked, size = frame_bytes(index)
    if not unpacked:
        return MORE_WORKERS
    if settings.packed_frames_gb * 1e9 >= size:  # not yet: nothing is written by a dry run
        return "the run packs its frames, here they were decoded"
    return (
        f"--set packed_frames_gb={math.ceil(size / 1e8) / 10:.1f}, also of predictor resume, keeps "
        "the decoded frames on disk"
    )


def _read_in_part(index: VideoIndex) -> list[str]:
    """Return a line for each video that could be decoded only up to some frame."""
    return [
        f"{video.name}: all after its first {video.frame_count} frames: {video.truncated}"
        for video in index.videos
        if video.truncated
    ]


def _evidence(generator: NetworkSettings) -> Callable[[Tensor], dict[str, Tensor]] | None:
    """Return what computes further inputs of the generator from a clip; None if it has none.

    It runs in the processes that load the clips: flow estimation would hold up the training.
    """
    evidence = getattr(NETWORKS[generator.network][1], "evidence", None)
    return None if evidence is None else functools.partial(evidence, generator.config())


def _log_progress(what: str, done: int, count: int, name: str) -> None:
    if done % 100 == 0 or done == count:
        _logger.info("%s %d of %d videos", what, done, count)


def _generator_loss(
    weights: FrameLossSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Mathieu et al. 2016, section 3.2: λp Lp + λgdl GDL + λadv adversarial, over all scales.

    Several target frames are predicted one from the other; the loss is their mean.
    """
    generator: Any = networks["generator"]
    context, targets = _context_and_targets(generator, batch["clip"])
    discriminators: Any = networks.get("discriminators")
    terms: dict[str, list[Tensor]] = {}
    evidence = _evidence_in(batch)
    predictions: list[Tensor] = []
    for number, target in enumerate(targets.unbind(1)):
        if number:
            context = torch.cat([context[:, 1:], predictions[-1][:, None]], dim=1)
            evidence = generator.evidence_after(context, evidence) if evidence else {}
        predictions = generator(context, **evidence)
        truths = pooled_at_factors(target, generator.factors)
        scale_weights = weights.scale_weights or (1.0,) * len(truths)
        for prediction, truth, scale in zip(predictions, truths, scale_weights, strict=True):
            if weights.lp:
                pixel_loss = PIXEL_LOSSES[weights.pixel_loss]
                term = pixel_loss(prediction, truth, weights.p, weights.reduction)
                terms.setdefault(weights.pixel_loss, []).append(weights.lp * scale * term)
            if weights.gradient_difference:
                term = gradient_difference_loss(
                    prediction, truth, weights.gradient_difference_alpha, weights.reduction
                )
                terms.setdefault("gradient_difference", []).append(
                    weights.gradient_difference * scale * term
                )
        if weights.setback:
            term = setback_loss(predictions[-1], target, context[:, -1])
            terms.setdefault("setback", []).append(weights.setback * term)
        if weights.adversarial:
            seen = context[:, -discriminators.context :]
            for logits in discriminators(seen, predictions):
                term = non_saturating_generator_loss(logits, "mean")
                terms.setdefault("adversarial", []).append(weights.adversarial * term)
    count = targets.shape[1]
    return PhaseLoss({name: torch.stack(parts).sum() / count for name, parts in terms.items()})


def _discriminators_loss(
    weights: FrameLossSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Mathieu et al. 2016, section 3.2: real frames against predicted ones at every scale."""
    generator: Any = networks["generator"]
    discriminators: Any = networks["discriminators"]
    context, targets = _context_and_targets(generator, batch["clip"])
    with torch.no_grad():
        predictions = generator(context, **_evidence_in(batch))
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
        mismatched = discriminators(context, [*map(_of_the_clip_before, truths)])
        terms["mismatched"] = _summed(fake_loss(logits) for logits in mismatched)
    return PhaseLoss(terms)


def _of_the_clip_before(truth: Tensor) -> Tensor:
    """Return for each clip of the whole batch the frame ``(N, 3, H, W)`` of another one."""
    frames, first = gathered(truth), first_own_row(len(truth))
    rows = torch.arange(first - 1, first - 1 + len(truth), device=truth.device)
    return frames[rows % len(frames)]


def _evidence_in(batch: Batch) -> dict[str, Tensor]:
    """Return what a batch holds for the generator beside its clip; see `_evidence`."""
    return {name: tensor for name, tensor in batch.items() if name != "clip"}


def _context_and_targets(generator: Any, clip: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames given and those to predict, in the pixel range of the generator."""
    clip = rescaled(clip, IMAGE_RANGE, generator.pixel_range)
    return clip[:, : generator.context], clip[:, generator.context :]


def _summed(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack([*terms]).sum()
