"""How well holes in photographs are filled, against the fills that need no training."""

import functools
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from predictor.analysis.perceptual import perceptual_distance
from predictor.classical_fill import METHODS, opencv_fill
from predictor.data import HeldOutPhotos, MaskKind, MaskSettings, MaskSource, index_photos, thinned
from predictor.errors import UnreadableMedia
from predictor.metrics import percent_error, psnr
from predictor.progress import Progress
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB

SIDE_PX = 256
"""The middle of every photograph is shown at this height and width."""

KINDS: Mapping[str, str] = {"centre": "the middle quarter", "strokes": "strokes of 10 to 30 %"}
STROKES_AREA = (0.1, 0.3)
MEASURES: Mapping[str, str] = {
    "psnr_db": "PSNR of the holes, dB",
    "l1_percent": "L1 of the holes, %",
    "l2_percent": "L2 of the holes, %",
    "perceptual": "ST-LPIPS of the image",
}
"""What is measured, in words. The last only where its package is installed."""

BIHARMONIC = "biharmonic"

Fill = Callable[[Tensor, Tensor], Tensor]
"""Takes images ``(N, 3, H, W)`` in [-1, 1] and masks ``(N, 1, H, W)``, returns the images."""


@dataclass(frozen=True)
class HoleScores:
    """One photograph with one hole, under every method."""

    number: int
    """Place in `InpaintEvaluation.source`."""
    photo: str
    kind: str
    scores: Mapping[str, Mapping[str, float]]
    """By method and measure."""


@dataclass(frozen=True)
class InpaintEvaluation:
    """All photographs of a folder under all methods, baselines first."""

    source: HeldOutPhotos
    """The photographs and their holes, to look at."""
    baselines: tuple[str, ...]
    methods: tuple[str, ...]
    holes: tuple[HoleScores, ...]
    skipped: tuple[tuple[str, str], ...]
    measures: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The folder of the photographs."""
        return self.source.index.root


def baseline_fills() -> dict[str, Fill]:
    """Return what every method is measured against, by name.

    OpenCV's two, and scikit-image's biharmonic fill where that package is installed.
    """
    fills: dict[str, Fill] = {
        method: functools.partial(opencv_fill, method=method) for method in METHODS
    }
    if importlib.util.find_spec("skimage") is not None:
        fills[BIHARMONIC] = _biharmonic_fill
    return fills


def evaluated(
    data: Path,
    models: Mapping[str, Fill],
    *,
    most_photos: int | None = None,
    progress: Progress | None = None,
) -> InpaintEvaluation:
    """Return how the baselines and `models`, by name, fill the photographs below `data`.

    Each photograph gets one hole of each of `KINDS`, the same ones every time; fills are rounded to
    8 bits, as files are. `most_photos` takes only so many, evenly spaced. Raises `UnusableData` for
    a folder without photographs.
    """
    index = thinned(index_photos(data), most_photos)
    area = MaskSettings(kinds={"strokes": 1.0}, area=STROKES_AREA)
    masks: dict[MaskKind, MaskSource] = {
        "centre": MaskSource(MaskSettings(kinds={"centre": 1.0})),
        "strokes": MaskSource(area),
    }
    source = HeldOutPhotos(index, (SIDE_PX, SIDE_PX), masks)
    baselines = baseline_fills()
    fills = {**baselines, **models}
    distance = perceptual_distance()
    skipped = dict(index.skipped)
    holes: list[HoleScores] = []
    for number in range(len(source)):
        photo = index.photos[number // len(masks)].name
        try:
            item = source[number]
        except UnreadableMedia as error:
            skipped[photo] = str(error)
            continue
        image, mask = item["image"][None], item["mask"][None]
        scores = {}
        for name, fill in fills.items():
            filled = _rounded(fill(image, mask))
            scores[name] = _scores(filled, image, mask)
            if distance is not None:
                scores[name]["perceptual"] = float(distance(filled, image))
        holes.append(HoleScores(number, photo, item["kind"], scores))
        if progress is not None:
            progress(number + 1, len(source), photo)
    measures = tuple(name for name in MEASURES if name != "perceptual" or distance is not None)
    return InpaintEvaluation(
        source,
        tuple(baselines),
        tuple(fills),
        tuple(holes),
        tuple(sorted(skipped.items())),
        measures,
    )


def _scores(filled: Tensor, image: Tensor, mask: Tensor) -> dict[str, float]:
    return {
        "psnr_db": float(psnr(filled, image, IMAGE_RANGE, mask, PSNR_CAP_DB)),
        "l1_percent": float(percent_error(filled, image, IMAGE_RANGE, 1, mask)),
        "l2_percent": float(percent_error(filled, image, IMAGE_RANGE, 2, mask)),
    }


def _rounded(images: Tensor) -> Tensor:
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def _biharmonic_fill(images: Tensor, masks: Tensor) -> Tensor:
    from skimage.restoration import inpaint_biharmonic

    filled = []
    for image, mask in zip(images, masks, strict=True):
        pixels = image.permute(1, 2, 0).double().numpy()
        found = inpaint_biharmonic(pixels, mask[0].numpy() > 0.5, channel_axis=-1)
        filled.append(torch.from_numpy(found).permute(2, 0, 1).to(image.dtype))
    return torch.stack(filled)
