"""Validation scores and previews of a run of ``frames``."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from predictor.analysis.frames_summary import LOSS_DB
from predictor.flow import constant_velocity
from predictor.frame_predictor import FramePredictor
from predictor.media.encoding import VideoWriter
from predictor.media.folder import folder_info
from predictor.media.images import write_png
from predictor.metrics import psnr, ssim
from predictor.systems.phases import Batch, Networks
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB, shown_difference

PREVIEW_RATE_HZ = Fraction(5)


@torch.no_grad()
def frames_validation(networks: Networks, windows: Iterable[Batch]) -> dict[str, float]:
    """Return scores of the first and the last predicted frame, averaged over the windows.

    For the frame N ahead: ``psnr_N_db``, capped at 60 dB, ``ssim_N``, ``gain_N_db``, the PSNR above
    that of classical extrapolation (`constant_velocity`), and ``worse_than_repeat_N_share``, the
    share of windows in which repeating the last frame is better by more than `LOSS_DB`. Windows are
    12 frames of context and the frames after them.
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
def frames_preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``frames.png`` and ``frames.mp4`` into `folder`.

    The picture has a row for each of at most four examples: the last frame of the context, the true
    next frame, the predicted one, their difference. The clip is the first example in slow motion:
    truth on the left, the same context followed by the predicted frames on the right.
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
