"""One photograph: opened with its mask, filled, and written whole with everything it carries."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from pipelines.inpaint.format import format_of_output
from pipelines.inpaint.masks import (
    Masks,
    MaskSettings,
    Transparency,
    Weights,
    files_read,
    hole_weights,
    parsed_masks,
)
from pipelines.inpaint.regions import Region, regions_of
from pipelines.inpaint.verification import Verification, verified
from pipelines.outputs import atomic_output, check_output
from predictor.errors import OutputNotWritten, UnreadableImage
from predictor.media.damage import DAMAGED
from predictor.media.photographs.canvas import Canvas, RasterCanvas
from predictor.media.photographs.jpeg import JpegCanvas
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import MOST_PIXELS, Keeps, Photograph, Saving
from predictor.video_fill.filler import Filler

_AS_IT_IS = MaskSettings()
_AS_IT_WAS = Saving()


@dataclass(frozen=True)
class FilledPhotograph:
    """What was done to one photograph."""

    input: Path
    output: Path
    keeps: Keeps
    """What of the known pixels the output has exactly."""
    filled_pixels: int
    warnings: tuple[str, ...] = ()
    verification: Verification | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent, by what it was spent on: open, fill, write."""
    how: str = ""
    dropped: tuple[str, ...] = ()

    @property
    def is_unchanged(self) -> bool:
        """Whether there was nothing to fill."""
        return not self.filled_pixels

    @property
    def files(self) -> list[Path]:
        """Every path written."""
        return [self.output]

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return {
            "output": str(self.output),
            "keeps": self.keeps,
            "filled_pixels": self.filled_pixels,
            "warnings": list(self.warnings),
            "verification": None if self.verification is None else self.verification.as_json(),
            "seconds": {name: round(spent, 4) for name, spent in self.seconds.items()},
        }


def fill_photograph(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    mask: str | os.PathLike[str] | Masks,
    filler: Filler,
    *,
    relative: Path | None = None,
    mask_settings: MaskSettings = _AS_IT_IS,
    saving: Saving = _AS_IT_WAS,
    most_pixels: int = MOST_PIXELS,
    verify: bool = False,
    keep_time: bool = False,
    overwrite: bool = False,
) -> FilledPhotograph:
    """Fill the holes of the photograph at `path`, write `output`, and return what was done.

    `filler` is what ``predictor.load("inpaint")`` returns, or a
    `predictor.classical_fill.ClassicalInpainter`. `mask` is a file (white is missing), a folder
    with one for `relative` (by default the name of the file), ``alpha``, ``color:#RRGGBB``,
    ``box:X,Y,W,H`` or ``center:PART``, all meant in the photograph as it is displayed. With
    ``alpha``, what is filled becomes opaque. An empty mask copies the file. The format is that of
    `saving`, else the one that `output` is named after, by default that of the file. `verify` reads
    the written file again and refuses one that does not keep what it is to keep; `keep_time` gives
    it the source's modification time.

    Raises `UnreadableImage`, `UnusableMask`, `SettingsError`, `OutputIsInput`, `OutputExists`,
    `OutputNotWritten`; then nothing is written.
    """
    source, target = Path(path), Path(output)
    name = relative or Path(source.name)
    if isinstance(mask, str | os.PathLike):
        mask = parsed_masks(os.fspath(mask), most_pixels)
    check_output(target, files_read(mask, source, name), overwrite)
    start = perf_counter()
    opened = _open(source, target, name, mask, mask_settings, saving, most_pixels)
    photograph, weight, is_copy = opened.photograph, opened.weight, opened.is_copied
    warnings = opened.warnings
    read = perf_counter()
    for canvas in photograph.canvases if weight.any() else ():
        for region in regions_of(weight, filler.seen):
            _fill(canvas, region, filler, isinstance(mask, Transparency))
    filled = perf_counter()
    if not weight.any():
        warnings += ("its mask is empty: " + ("copied unchanged" if is_copy else "not filled"),)
    content = photograph.data if is_copy else photograph.encoded()
    verification = _verified(photograph, content, weight, target) if verify else None
    with atomic_output(target, overwrite) as partial:
        partial.write_bytes(content)
        if keep_time:
            about = source.stat()
            os.utime(partial, ns=(about.st_atime_ns, about.st_mtime_ns))
    return FilledPhotograph(
        input=source,
        output=target,
        keeps=opened.keeps,
        filled_pixels=opened.filled_pixels,
        warnings=(*warnings, *(() if is_copy else photograph.notes)),
        verification=verification,
        seconds={
            "open": read - start,
            "fill": filled - read,
            "write": perf_counter() - filled,
        },
    )


def compared_photograph(
    path: Path,
    output: Path,
    masks: Masks,
    *,
    relative: Path,
    mask_settings: MaskSettings,
    saving: Saving,
    most_pixels: int,
) -> FilledPhotograph:
    """Compare the photograph at `path` with `output`, which it was filled into, and say how.

    The arguments are those that `fill_photograph` had. Raises `UnusableMask`, and `UnreadableImage`
    also where `output` does not keep what it is to keep.
    """
    start = perf_counter()
    opened = _open(path, output, relative, masks, mask_settings, saving, most_pixels)
    photograph = opened.photograph
    read = perf_counter()
    written = open_photograph(output, most_pixels=most_pixels)
    advice = "; --overwrite makes it again"
    if written.canvases[0].size != photograph.canvases[0].size:
        raise UnreadableImage(f"{output} has not the size of {path}{advice}")
    try:
        found, broken = _comparison(photograph, written.data, opened.weight)
    except DAMAGED as error:
        raise UnreadableImage(f"{output} is not a whole picture: {error}{advice}") from error
    if broken:
        raise UnreadableImage(f"{output} is not as {path} was filled: {broken} differ{advice}")
    return FilledPhotograph(
        input=path,
        output=output,
        keeps=opened.keeps,
        filled_pixels=opened.filled_pixels,
        warnings=opened.warnings,
        verification=found,
        seconds={"open": read - start, "verify": perf_counter() - read},
    )


@dataclass(frozen=True)
class _Opened:
    """A photograph, where its holes are, and how its output is saved."""

    photograph: Photograph
    weight: Weights
    warnings: tuple[str, ...]
    saving: Saving

    @property
    def is_copied(self) -> bool:
        """Whether nothing is to be done: without a hole, and saved as it was."""
        return not self.weight.any() and self.saving.is_as_it_was

    @property
    def keeps(self) -> Keeps:
        return "samples" if self.is_copied else self.photograph.keeps

    @property
    def filled_pixels(self) -> int:
        return int(np.count_nonzero(self.weight))


def _open(
    path: Path,
    output: Path,
    relative: Path,
    masks: Masks,
    mask_settings: MaskSettings,
    saving: Saving,
    most_pixels: int,
) -> _Opened:
    """Open the photograph at `path` with its mask, to be saved as `output` is named."""
    if saving.format == "keep":
        saving = replace(saving, format=format_of_output(output, path))
    photograph = open_photograph(path, saving, most_pixels)
    weight, warnings = hole_weights(
        masks, path, relative, photograph.canvases[0], mask_settings, photograph.is_lossy
    )
    return _Opened(photograph, weight, warnings, saving)


def _fill(canvas: Canvas, region: Region, filler: Filler, makes_opaque: bool) -> None:
    image = canvas.pixels(region.box)[None]
    filled = filler.fill(image, region.missing)[0]
    canvas.paint(region.box, filled, region.weight)
    if makes_opaque:
        canvas.make_opaque(region.box, (region.weight[0] > 0).numpy())


def _verified(
    photograph: Photograph, content: bytes, weight: Weights, target: Path
) -> Verification:
    found, broken = _comparison(photograph, content, weight)
    if broken:
        raise OutputNotWritten(f"{target}: not written: {broken} would change")
    return found


def _comparison(
    photograph: Photograph, content: bytes, weight: Weights
) -> tuple[Verification, str]:
    """Return how the file `content` compares, and in words what it breaks, empty if nothing."""
    canvas = photograph.canvases[0]
    assert isinstance(canvas, RasterCanvas | JpegCanvas)
    found = verified(photograph.data, content, weight > 0, canvas.orientation)
    broken = {
        "samples": found.changed_pixels,
        "blocks": found.changed_blocks or 0,
        "nothing": 0,
    }[photograph.keeps]
    what = "known pixels" if photograph.keeps == "samples" else "blocks outside of the hole"
    return found, f"{broken} {what}" if broken else ""
