"""The numbers promised of `predictor inpaint`, measured here and now: quality and speed."""

import io
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import PIL.Image
import torch

from pipelines.benchmark.clips import moving_frames
from pipelines.benchmark.costs import command_cost, time_of
from pipelines.benchmark.rows import Row
from pipelines.inpaint.batch import filled_photographs
from pipelines.inpaint.photograph import FilledPhotograph
from pipelines.inpaint.request import InpaintSettings, filled, inpaint_request
from pipelines.inpaint.sources import Source, Sources, named_sources
from predictor.analysis.inpaint_evaluation import KINDS, InpaintEvaluation
from predictor.analysis.inpaint_summary import perceptual_ratio, psnr_gain
from predictor.data.masks import drawn_mask
from predictor.media.images import to_uint8
from predictor.model_files import find_model

SIDE = 512
LARGE = (4000, 6000)
HOLE = "box:2900,1900,200,200"
WEIGHTS_BAR_MB = 20.0


def quality_rows(evaluation: InpaintEvaluation, method: str) -> list[Row]:
    """Return the promised qualities of `method`."""
    rows = []
    for kind, meaning in KINDS.items():
        gain = psnr_gain(evaluation, method, kind)
        rows.append(
            Row(
                f"{meaning}: PSNR over the best baseline",
                gain.value,
                "dB",
                at_least=1.0,
                note=f"95 %: {gain.low:+.2f} to {gain.high:+.2f}",
            )
        )
        if "perceptual" in evaluation.measures:
            ratio = perceptual_ratio(evaluation, method, kind)
            what = f"{meaning}: ST-LPIPS over the best baseline's"
            note = f"95 %: {ratio.low:.2f} to {ratio.high:.2f}"
            rows.append(Row(what, ratio.value, "x", at_most=0.85, note=note))
    return rows


def speed_rows(model: str, *, photographs: int = 120, workers: int = 2) -> Iterator[Row]:
    """Yield the promised speeds as they are measured, on the processor.

    The folder has so many `photographs`, filled by `workers` processes of one thread.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write_folder(folder / "photos", folder / "masks", photographs)
        masks, out = str(folder / "masks"), folder / "out"
        how = ["--model", model, "--device", "cpu", "--workers", str(workers), "--threads", "1"]
        arguments = ["inpaint", str(folder / "photos"), "--mask", masks, "-o", str(out), *how]
        cost = command_cost(arguments)
        yield Row(
            f"a {SIDE}x{SIDE} photograph in a folder of {photographs}, all included",
            cost.time_s / photographs,
            "s",
            at_most=0.35,
        )
        settings = InpaintSettings(masks, model, "cpu", threads=1)
        sources = named_sources([str(folder / "photos")], folder / "again")
        yield _throughput_row(sources, settings, workers)
        yield from _large_rows(folder, model)
    size_mb = find_model(model).stat().st_size / 1e6
    yield Row("weights", size_mb, "MB", at_most=WEIGHTS_BAR_MB)


def _throughput_row(sources: Sources, settings: InpaintSettings, workers: int) -> Row:
    """Return the share of the processes' time that the network has, once all of them work."""
    outcomes = filled_photographs(sources, settings, workers=workers)
    list(islice(outcomes, 4 * workers))
    start, fill_s = perf_counter(), 0.0
    for outcome in outcomes:
        assert isinstance(outcome.result, FilledPhotograph)
        fill_s += outcome.result.seconds["fill"]
    return Row(
        "folder throughput over the network's own",
        fill_s / (workers * (perf_counter() - start)),
        "x",
        at_least=0.9,
        note=f"{workers} processes",
    )


def _large_rows(folder: Path, model: str) -> Iterator[Row]:
    """Yield what a small hole in a large JPEG costs over decoding and encoding it."""
    picture = PIL.Image.fromarray(to_uint8(next(moving_frames(LARGE, 1))))
    settings = InpaintSettings(HOLE, model, "cpu", overwrite=True)
    for kind, is_progressive in (("baseline", False), ("progressive", True)):
        path = folder / f"{kind}.jpg"
        picture.save(path, quality=90, progressive=is_progressive)
        request = inpaint_request(
            Source(path, Path(path.name), folder / f"{kind}-out.jpg"), settings
        )
        filled(request)
        own = median(time_of(partial(filled, request)) for _ in range(3))
        again = median(time_of(partial(_encoded_again, path, is_progressive)) for _ in range(3))
        yield Row(
            f"24-megapixel {kind} JPEG, one 200x200 hole: time over decoding and encoding",
            own / again,
            "x",
            at_most=1.5,
            note=f"{own:.2f} over {again:.2f} s",
        )


def _encoded_again(path: Path, is_progressive: bool) -> bytes:
    stream = io.BytesIO()
    with PIL.Image.open(path) as picture:
        picture.save(stream, "JPEG", quality="keep", progressive=is_progressive)
    return stream.getvalue()


def _write_folder(photos: Path, masks: Path, count: int) -> None:
    """Write JPEGs of a moving texture, and for each the mask of a few strokes."""
    photos.mkdir()
    masks.mkdir()
    for number, frame in enumerate(moving_frames((SIDE, SIDE), count)):
        PIL.Image.fromarray(to_uint8(frame)).save(photos / f"{number:04}.jpg", quality=90)
        generator = torch.Generator().manual_seed(number)
        mask = drawn_mask("strokes", (SIDE, SIDE), (0.1, 0.3), generator)[0]
        PIL.Image.fromarray((255 * mask).byte().numpy()).save(masks / f"{number:04}.png")
