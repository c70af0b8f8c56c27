"""Validation scores and previews of a run of ``inpaint``."""

from collections.abc import Iterable
from pathlib import Path

import torch

from predictor.classical_fill import METHODS, opencv_fill
from predictor.inpainter import Inpainter
from predictor.media.images import write_png
from predictor.metrics import percent_error, psnr
from predictor.systems.phases import Batch, Networks
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB


@torch.no_grad()
def inpaint_validation(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
    """Return ``l1_percent``, ``l2_percent`` and ``psnr_db`` of the holes, and ``gain_db``.

    The gain is the PSNR above that of the better of OpenCV's two fills. Each is a mean over the
    images of a kind of mask, then over the kinds; ``psnr_KIND_db`` and ``gain_KIND_db`` are those
    of one kind.
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
def inpaint_preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``inpaint.png``: a row for each of at most eight images: masked, filled, truth."""
    from torchvision.utils import make_grid  # seconds to import, and only runs look at previews

    images, masks = batch["image"][:8].float(), batch["mask"][:8]
    filled = Inpainter(networks["generator"]).fill(images, masks)
    masked = images.where(masks == 0, 1.0)
    rows = torch.stack([masked, filled, images], dim=1)
    sheet = make_grid(rows.flatten(0, 1).cpu(), nrow=3, pad_value=1.0)
    write_png(folder / "inpaint.png", sheet)
