"""What is asked for one photograph or video before it is read, and how any process does it."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import torch

import predictor
from pipelines.allocator import keep_freed_memory
from pipelines.inpaint.mask_files import OneMask
from pipelines.inpaint.masks import Masks, MaskSettings, files_read, naming, parsed_masks
from pipelines.inpaint.photograph import FilledPhotograph, compared_photograph, fill_photograph
from pipelines.inpaint.sources import Source
from pipelines.outputs import check_output
from pipelines.progress import progress_bar
from pipelines.results import bug_report
from predictor.classical_fill import METHODS, ClassicalInpainter
from predictor.devices import (
    chosen_device,
    is_out_of_memory,
    require_thread_count,
    usable_cores,
)
from predictor.errors import OutOfDeviceMemory, PredictorError
from predictor.media.encoding import EncodingOptions
from predictor.media.photographs.photograph import MOST_PIXELS, Saving
from predictor.model_files import find_model
from predictor.video_fill.filler import Filler
from predictor.weights import read_metadata

if TYPE_CHECKING:
    from pipelines.inpaint.video import FilledVideo

DEFAULT_MODEL = "inpaint"
MOST_ON_A_GPU = 4
"""Processes that use one GPU unless more are asked for: each takes half a gigabyte of it."""


@dataclass(frozen=True)
class InpaintSettings:
    """What is asked for all photographs and videos of a run."""

    mask: str
    """What `pipelines.inpaint.masks.parsed_masks` takes."""
    model: str = DEFAULT_MODEL
    """A released network's name or file, or a classical method: telea, navier-stokes."""
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    mask_settings: MaskSettings = field(default_factory=MaskSettings)
    saving: Saving = field(default_factory=Saving)
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    """Of videos."""
    most_pixels: int = MOST_PIXELS
    verify: bool = False
    keep_time: bool = False
    overwrite: bool = False
    shows_frames: bool = False
    """Show on a terminal how far a video has come."""

    @property
    def fingerprint(self) -> str:
        """A hash of all settings that the outputs depend on."""
        asked = (
            predictor.__version__,
            self.mask,
            self.mask_settings,
            self.saving,
            self.encoding,
            self.precision,
            self.keep_time,
        )
        model = self.model if self.model in METHODS else _hash_of_model(self.model)
        return hashlib.sha256(repr((*asked, model)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class InpaintRequest:
    """One photograph or video to fill."""

    input: Path
    relative: Path
    output: Path
    settings: InpaintSettings
    is_video: bool = False
    is_done: bool = False
    """An earlier run filled it, so that its output is only to be verified."""

    def __str__(self) -> str:
        return str(self.input)

    def check_outputs(self) -> None:
        """Raise `OutputIsInput`, `OutputExists` or `OutputNotWritten` before any work is done.

        `OutputIsInput` also where the output is the mask.
        """
        masks = masks_of(self.settings.mask, self.settings.most_pixels)
        read = files_read(masks, self.input, self.relative)
        check_output(self.output, read, self.settings.overwrite)

    @property
    def mask_file(self) -> Path | None:
        """The file that its mask is in, if it is in one. Raises `UnusableMask` for none."""
        with naming(self.input):
            return masks_of(self.settings.mask, self.settings.most_pixels).file(self.relative)

    def may_replace(self) -> "InpaintRequest":
        """Return the request allowed to replace its output, which a stopped run left there."""
        return replace(self, settings=replace(self.settings, overwrite=True))


def inpaint_request(source: Source, settings: InpaintSettings) -> InpaintRequest:
    """Return the request for `source`."""
    return InpaintRequest(source.path, source.relative, source.output, settings, source.is_video)


def filled(request: InpaintRequest) -> "FilledPhotograph | FilledVideo":
    """Fill one photograph or video; masks and the network are loaded once a process.

    A photograph that is done already is compared with its output. Raises as `fill_photograph` and
    `fill_video`; a bug of this program becomes a `PredictorError` of this input, so that the others
    are still filled.
    """
    settings = request.settings
    keep_freed_memory(of_any_size=True)
    try:
        masks = masks_of(settings.mask, settings.most_pixels)
        if request.is_done:
            return compared_photograph(
                request.input,
                request.output,
                masks,
                relative=request.relative,
                mask_settings=settings.mask_settings,
                saving=settings.saving,
                most_pixels=settings.most_pixels,
            )
        filler = loaded_filler(
            settings.model, settings.device, settings.precision, settings.threads
        )
        if request.is_video:
            return _filled_video(request, masks, filler)
        return fill_photograph(
            request.input,
            request.output,
            masks,
            filler,
            relative=request.relative,
            mask_settings=settings.mask_settings,
            saving=settings.saving,
            most_pixels=settings.most_pixels,
            verify=settings.verify,
            keep_time=settings.keep_time,
            overwrite=settings.overwrite,
        )
    except PredictorError:
        raise
    except Exception as error:  # a bug that one photograph meets must not stop the others
        if isinstance(error, MemoryError) or is_out_of_memory(error):
            raise OutOfDeviceMemory(
                f"{request.input}: not enough memory to fill it; fewer --workers need less"
            ) from error
        said = bug_report(error, "--workers 1 --debug")
        raise PredictorError(f"{request.input}: {said}") from error


def _filled_video(request: InpaintRequest, masks: Masks, filler: Filler) -> "FilledVideo":
    from pipelines.inpaint.video import fill_video  # photographs need none of it

    settings = request.settings
    with progress_bar(request.input.name, is_shown=settings.shows_frames) as progress:
        result = fill_video(
            request.input,
            request.output,
            masks,
            filler,
            relative=request.relative,
            mask_settings=settings.mask_settings,
            options=settings.encoding,
            threads=settings.threads,
            overwrite=settings.overwrite,
            progress=progress,
        )
    if settings.keep_time:
        about = request.input.stat()
        os.utime(request.output, ns=(about.st_atime_ns, about.st_mtime_ns))
    return result


def require_usable(settings: InpaintSettings) -> None:
    """Load the model, and the mask if it is one file for all: errors in these concern every input.

    Raises `SettingsError`, `UnusableMask`, `UnknownModel`, `DamagedWeights`.
    """
    masks = masks_of(settings.mask, settings.most_pixels)
    if isinstance(masks, OneMask):
        masks.read()
    loaded_filler(settings.model, settings.device, settings.precision, settings.threads)


def usual_workers(settings: InpaintSettings) -> int:
    """Return how many processes fill at once: one a core, few where they share a GPU's memory."""
    is_on_gpu = settings.model not in METHODS and chosen_device(settings.device).type != "cpu"
    return min(usable_cores(), MOST_ON_A_GPU) if is_on_gpu else usable_cores()


def share_cores(workers: int) -> None:
    """Let the libraries of this process use one of `workers` equal parts of the cores."""
    use_threads(max(1, torch.get_num_threads() // workers))


def use_threads(count: int) -> None:
    """Let the libraries of this process use `count` threads each. Raises `SettingsError`."""
    torch.set_num_threads(require_thread_count(count))
    cv2.setNumThreads(count)


@cache
def masks_of(text: str, most_pixels: int) -> Masks:
    """Return the masks that `text` means, read once a process. Raises `SettingsError`."""
    return parsed_masks(text, most_pixels)


@cache
def loaded_filler(model: str, device: str, precision: str, threads: int | None) -> Filler:
    """Return what fills holes, loaded once a process.

    Raises `UnknownModel`, `DamagedWeights`, and `SettingsError` for a device that is not there.
    """
    if threads is not None:
        use_threads(threads)
    if model in METHODS:
        return ClassicalInpainter(model)
    return predictor.load(model, device, precision, task="inpaint")


@cache
def _hash_of_model(model: str) -> str:
    return read_metadata(find_model(model)).tensors_sha256
