"""What `predictor sample` writes: sheets, folders and videos of generated pictures."""

import itertools
import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from predictor.analysis.code_sweeps import Sweep, parsed_sweep
from predictor.analysis.latent_arithmetic import (
    Term,
    arithmetic,
    parsed_terms,
    require_on_sheet,
    term_mean,
    with_neighbours,
)
from predictor.analysis.latent_series import Way, closed_walk, interpolations
from predictor.analysis.sheets import enlarged, numbered_sheet, sheet, stacked, titled_sheet
from predictor.errors import SettingsError, UnknownModel
from predictor.image_sampler import BATCH, ImageSampler
from predictor.media.encoding import VideoWriter
from predictor.media.folder import pictures_info
from predictor.media.images import write_png
from predictor.whole_files import require_free, require_free_folder, whole_file, whole_folder

SHEET_COLUMNS = 8
VIDEO_WIDTH_PX = 256
"""Pictures of a video are enlarged to at least this width, to an even number of pixels."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SampleRequest:
    """What is to be written where."""

    output: Path
    kind: str
    """``sheet``, ``images``, ``pick-sheet``, ``arithmetic``, ``interpolate``, ``vary``,
    ``walk``."""
    count: int
    """Pictures, of each class where there are `classes`; in a series those passed through."""
    classes: tuple[int, ...] | None = None
    """Labels."""
    seed: int = 0
    arithmetic: str = ""
    vary: tuple[str, ...] = ()
    """The codes that are varied and their ranges, one a block; see `parsed_sweep`."""
    steps: int = 10
    """Of a row from one picture to the next, or frames of a video."""
    way: str = "auto"
    rate: float = 30.0
    overwrite: bool = False


def write_samples(sampler: ImageSampler, request: SampleRequest) -> None:
    """Write what `request` asks for, whole or not at all.

    Raises `UnknownModel` for classes that the model has not, `SettingsError` for a sum that is none
    or names a picture that is not there, for codes that the model has not and for a sheet that is
    not named like a PNG, `OutputExists`, `OutputNotWritten`.
    """
    _require_classes(sampler, request)
    if request.kind not in ("images", "walk") and request.output.suffix.lower() != ".png":
        raise SettingsError(f"-o {request.output}: sheets are PNG, expected a name with .png")
    sweeps = [parsed_sweep(text, sampler) for text in request.vary]
    for line in filter(None, (sweep.beyond for sweep in sweeps)):
        _logger.warning("%s", line)
    if request.kind == "images":
        require_free_folder(request.output, request.overwrite, _own_files(sampler))
        _write_images(sampler, request)
        return
    require_free(request.output, request.overwrite)
    if request.kind == "walk":
        frames = _varied(sampler, request, sweeps) if sweeps else _walked(sampler, request)
        _write_video(request, *frames)
        return
    if request.kind == "vary":
        picture = _varied_sheet(sampler, request, sweeps)
    else:
        picture = _SHEETS[request.kind](sampler, request)
    with whole_file(request.output) as partial:
        write_png(partial, picture)


def _require_classes(sampler: ImageSampler, request: SampleRequest) -> None:
    if request.classes is None:
        return
    if sampler.classes is None:
        raise UnknownModel("--classes: the generator of this model takes no classes")
    for label in request.classes:
        if not 0 <= label < sampler.classes:
            raise UnknownModel(
                f"--classes: there is no class {label}, the model has 0 to {sampler.classes - 1}"
            )
    if len(request.classes) > 1 and request.kind not in ("sheet", "images"):
        raise SettingsError(f"--classes with --{request.kind}: choose one class")


def _numbered(sampler: ImageSampler, request: SampleRequest) -> tuple[Tensor, list[int] | None]:
    """Return the latents of the pictures from number 0 on, and their classes."""
    numbers = range(request.count)
    labels = sampler.labels(numbers)
    if request.classes is not None:
        labels = [request.classes[0]] * request.count
    return sampler.latents(request.seed, numbers), labels


def _by_class(sampler: ImageSampler, request: SampleRequest) -> list[Tensor]:
    """Return the pictures of each class that is asked for: number 7 of any has latent 7."""
    assert request.classes is not None
    latents = sampler.latents(request.seed, range(request.count))
    return [sampler.images(latents, [label] * request.count) for label in request.classes]


def _plain_sheet(sampler: ImageSampler, request: SampleRequest) -> Tensor:
    if request.classes is not None:  # a row a class
        return sheet(torch.cat(_by_class(sampler, request)), request.count)
    columns = SHEET_COLUMNS
    if sampler.classes is not None and sampler.classes <= 2 * SHEET_COLUMNS:
        columns = sampler.classes
    return sheet(sampler.images(*_numbered(sampler, request)), columns)


def _pick_sheet(sampler: ImageSampler, request: SampleRequest) -> Tensor:
    images = sampler.images(*_numbered(sampler, request))
    return numbered_sheet(images, range(request.count), SHEET_COLUMNS)


def _arithmetic_sheet(sampler: ImageSampler, request: SampleRequest) -> Tensor:
    """Return a row for each term, its mean last, and below them the result and its neighbours.

    Classes and categorical codes have no sums: those of a first picture are kept.
    """
    terms = parsed_terms(request.arithmetic)
    require_on_sheet(terms, request.count)
    latents, labels = _numbered(sampler, request)
    structure = sampler.structure
    held = slice(0, 0) if structure is None else structure.categorical_columns
    _note_held_in_sums(terms, labels, latents[:, held])
    columns = max(3, *(len(term.numbers) + 1 for term in terms))
    rows = []
    for term in terms:
        chosen = list(term.numbers)
        own = torch.cat((latents[chosen], term_mean(latents, term, held)[None]))
        classes = None if labels is None else [*(labels[n] for n in chosen), labels[chosen[0]]]
        rows.append(_padded(sampler.images(own, classes), columns))
    around = with_neighbours(arithmetic(latents, terms, held), request.seed, held)
    label = None if labels is None else [labels[terms[0].numbers[0]]] * len(around)
    for row in torch.split(sampler.images(around, label), 3):
        rows.append(_padded(row, columns))
    return sheet(torch.cat(rows), columns)


def _note_held_in_sums(
    terms: Sequence[Term], labels: Sequence[int] | None, categories: Tensor
) -> None:
    """Say what the pictures of `terms` differ in and sums keep, by the one-hot `categories`."""
    numbers = [number for term in terms for number in term.numbers]
    if labels is not None and len({labels[number] for number in numbers}) > 1:
        _logger.warning(
            "each mean, and the sum, keeps the class of the picture that it begins with; "
            "--classes CLASS shows one class throughout"
        )
    if not torch.equal(categories[numbers], categories[numbers[:1]].expand(len(numbers), -1)):
        _logger.warning(
            "each mean, and the sum, keeps the categorical codes of the picture that it begins with"
        )


def _padded(row: Tensor, columns: int) -> Tensor:
    """Return a row filled up with white pictures."""
    white = row.new_ones(columns - len(row), *row.shape[1:])
    return torch.cat((row, white))


def _interpolation_sheet(sampler: ImageSampler, request: SampleRequest) -> Tensor:
    latents, labels = _numbered(sampler, request)
    if len(latents) < 2:
        raise SettingsError(f"--interpolate needs two pictures or more, -n is {request.count}")
    _note_held_classes(labels)
    way = cast(Way, request.way)
    rows = interpolations(latents, request.steps, way, sampler)
    return sheet(sampler.images(rows.flatten(0, 1), _held(labels, request.steps)), request.steps)


def _held(labels: Sequence[int] | None, steps: int) -> list[int] | None:
    """Return the class of every step: that of the picture that a row begins with."""
    return None if labels is None else [label for label in labels[:-1] for _ in range(steps)]


def _note_held_classes(labels: Sequence[int] | None) -> None:
    if labels is not None and len(set(labels)) > 1:
        _logger.warning(
            "each series keeps the class of the picture that it begins with; "
            "--classes CLASS shows one class throughout"
        )


def _own_files(sampler: ImageSampler) -> re.Pattern[str]:
    """Return what the names of pictures match, also those below folders of classes."""
    folders = "|".join(re.escape(_class_folder(sampler, n)) for n in range(sampler.classes or 0))
    return re.compile(rf"(({folders})/)?\d{{6,}}\.png")


def _class_folder(sampler: ImageSampler, label: int) -> str:
    """Return the name of a class, or its number where that is no name of a folder here."""
    name = sampler.class_names[label]
    is_one = Path(name).name == name and name != ".." and "\0" not in name
    return name if is_one else str(label)


def _write_images(sampler: ImageSampler, request: SampleRequest) -> None:
    """Write the pictures a batch at a time, so that any number takes the same memory."""
    with whole_folder(request.output) as partial:
        for label in (None,) if request.classes is None else request.classes:
            folder = partial if label is None else partial / _class_folder(sampler, label)
            folder.mkdir(exist_ok=True)
            for start in range(0, request.count, BATCH):
                numbers = range(start, min(start + BATCH, request.count))
                labels = sampler.labels(numbers) if label is None else [label] * len(numbers)
                images = sampler.images(sampler.latents(request.seed, numbers), labels)
                for number, image in zip(numbers, images, strict=True):
                    write_png(folder / f"{number:06d}.png", image.expand(3, -1, -1))


def _varied_sheet(sampler: ImageSampler, request: SampleRequest, sweeps: Sequence[Sweep]) -> Tensor:
    """Return a block a code: a row for each picture, in whose columns the code is varied."""
    latents, labels = _numbered(sampler, request)
    blocks = []
    for sweep in sweeps:
        values = sweep.values
        held = None if labels is None else [label for label in labels for _ in values]
        images = sampler.images(sweep.applied(latents, values).flatten(0, 1), held)
        captions = [f"{value:.2g}" for value in values.tolist()]
        blocks.append(titled_sheet(images, len(values), sweep.title, captions))
    return stacked(blocks)


def _varied(
    sampler: ImageSampler, request: SampleRequest, sweeps: Sequence[Sweep]
) -> tuple[int, Iterator[Tensor]]:
    """Return frames of all pictures, of which one code after the other is varied and comes back."""
    latents, labels = _numbered(sampler, request)
    columns = math.ceil(math.sqrt(len(latents)))

    def frames() -> Iterator[Tensor]:
        for sweep in sweeps:
            ways = [
                closed_walk(points, request.steps, "linear", sampler)
                for points in sweep.applied(latents, sweep.turning_points)
            ]
            for each in torch.stack(ways, dim=1):
                yield titled_sheet(sampler.images(each, labels), columns, sweep.title, ())

    count = sum(len(sweep.turning_points) for sweep in sweeps) * request.steps
    return count, map(_even, frames())


def _walked(sampler: ImageSampler, request: SampleRequest) -> tuple[int, Iterator[Tensor]]:
    """Return frames that go from picture to picture and back to the first."""
    latents, labels = _numbered(sampler, request)
    if len(latents) < 2:
        raise SettingsError(f"--walk needs two pictures or more, -n is {request.count}")
    _note_held_classes(labels)
    way = cast(Way, request.way)
    steps = closed_walk(latents, request.steps, way, sampler)
    held = None if labels is None else [label for label in labels for _ in range(request.steps)]

    def frames() -> Iterator[Tensor]:
        for start in range(0, len(steps), BATCH):
            part = steps[start : start + BATCH]
            images = sampler.images(part, held and held[start : start + BATCH])
            yield from enlarged(images.expand(-1, 3, -1, -1), VIDEO_WIDTH_PX)

    return len(steps), map(_even, frames())


def _write_video(request: SampleRequest, count: int, frames: Iterable[Tensor]) -> None:
    rate = Fraction(request.rate).limit_denominator(1001)
    frames = iter(frames)
    first = next(frames)
    size = (first.shape[1], first.shape[2])
    info = pictures_info(request.output, size, rate, count)
    with (
        whole_file(request.output) as partial,
        VideoWriter(partial, info, size, rate) as writer,
    ):
        for number, image in enumerate(itertools.chain([first], frames)):
            writer.write(image, number / rate)


def _even(frame: Tensor) -> Tensor:
    """Return a frame without its last row or column where it has an odd number of them."""
    height, width = frame.shape[-2:]
    return frame[..., : height - height % 2, : width - width % 2]


_SHEETS = {
    "sheet": _plain_sheet,
    "pick-sheet": _pick_sheet,
    "arithmetic": _arithmetic_sheet,
    "interpolate": _interpolation_sheet,
}
