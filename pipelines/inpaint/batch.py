"""Plan or fill any number of photographs and videos, in several processes, and resume later."""

import contextlib
import itertools
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.engines import Settled, carried_out
from pipelines.inpaint.manifest import EarlierRuns, Manifest, earlier_runs
from pipelines.inpaint.photograph import FilledPhotograph
from pipelines.inpaint.preview import write_preview
from pipelines.inpaint.request import (
    InpaintRequest,
    InpaintSettings,
    filled,
    inpaint_request,
    share_cores,
)
from pipelines.inpaint.sources import PREVIEW, Source, Sources
from pipelines.progress import progress_bar
from pipelines.results import Outcome, Result
from predictor.errors import OutputExists, PredictorError, UnreadableImage
from predictor.whole_files import require_free, whole_file

_NOT_SHOWN = "not in the sheet of --preview, which shows photographs alone"
_NOT_VERIFIED = "not verified: --verify compares photographs alone"
_NO_QUALITY = "--quality changes nothing of files that are written without loss"
_NO_QUALITY_OF_VIDEOS = "--quality is of photographs: that of videos is --crf"
_NO_FORMAT_OF_VIDEOS = "--format is of photographs: the container of a video is that of its -o"


@dataclass(frozen=True)
class PlannedPhotograph:
    """An output that would be written, or that an earlier run wrote."""

    output: Path
    mask: Path | None = None
    """The file that its mask is in, if it is in one."""
    how: str = ""
    warnings: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """The path of the output."""
        return [self.output]

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return {
            "output": str(self.output),
            "mask": None if self.mask is None else str(self.mask),
        }


def inpainted(
    named: Sources,
    settings: InpaintSettings,
    workers: int,
    preview: int | None = None,
    is_planned: bool = False,
) -> Iterator[Outcome]:
    """Yield the outcome of each photograph of `named`; folders are listed only when reached.

    If all outputs go to one folder, a manifest is written there. With `preview`, only so many are
    filled and a sheet of them is written. With `is_planned`, nothing is written. Where there is no
    photograph at all, the first name fails.
    """
    listed = itertools.islice(named, preview)
    first = next(listed, None)
    if first is None:
        name = named.names[0]
        nothing = UnreadableImage(f"{name}: no photograph and no video in this folder or below it")
        yield Outcome(name, error=nothing)
        return
    sources: Iterable[Source] = itertools.chain([first], listed)
    if is_planned:
        earlier = None if named.manifest is None else earlier_runs(named.manifest)
        yield from planned_photographs(sources, settings, earlier)
        return
    with contextlib.ExitStack() as stack:
        manifest = None
        if named.manifest is not None:
            manifest = stack.enter_context(Manifest(named.manifest))
            manifest.begin_run(settings.overwrite)
        advance = stack.enter_context(
            progress_bar("filling", is_shown=not settings.shows_frames, unit="files")
        )
        if preview is not None:
            sources = list(sources)
        outcomes = stack.enter_context(
            contextlib.closing(filled_photographs(sources, settings, manifest, workers))
        )
        shown: list[Source] = []
        for number, outcome in enumerate(outcomes):
            advance(number + 1, preview)
            if isinstance(sources, list) and outcome.error is None:
                source = sources[number]
                if source.is_video:
                    outcome = replace(outcome, notes=(*outcome.notes, _NOT_SHOWN))
                else:
                    shown.append(source)
            yield outcome
        if manifest is not None:
            manifest.end_run()
        if shown:
            yield _sheet(shown, settings, named)


def _sheet(shown: list[Source], settings: InpaintSettings, named: Sources) -> Outcome:
    path = named.beside(PREVIEW, shown[0].output)
    try:
        # In a folder of outputs, which has a manifest, the sheet of an earlier run is replaced.
        require_free(path, settings.overwrite or named.manifest is not None)
        with whole_file(path, reads_too=True) as partial:
            write_preview(partial, shown, settings)
    except PredictorError as error:
        return Outcome(path, error=error)
    return Outcome(path, PlannedPhotograph(path), is_extra=True)


def planned_photographs(
    sources: Iterable[Source], settings: InpaintSettings, earlier: EarlierRuns | None = None
) -> Iterator[Outcome]:
    """Yield for each photograph what would be done, why it cannot be, or that it is done."""
    for source in sources:
        request = inpaint_request(source, settings)
        try:
            if _left_to_do(request, source, earlier) is None:
                yield _done_before(request)
                continue
            plan = PlannedPhotograph(source.output, request.mask_file)
        except PredictorError as error:
            yield Outcome(source.path, error=error)
        else:
            yield Outcome(source.path, plan, is_planned=True)


def filled_photographs(
    sources: Iterable[Source],
    settings: InpaintSettings,
    manifest: Manifest | None = None,
    workers: int = 1,
) -> Generator[Outcome, None, None]:
    """Yield the outcome of filling each photograph, in order; one that fails stops no other.

    With a `manifest`, what an earlier run did is not done again, only verified where that is asked
    for, and each other outcome is noted in it.
    """
    tasks = (_task(inpaint_request(source, settings), source, manifest) for source in sources)
    # A task that is run again after its process died may find the output of its own first try.
    every = carried_out(
        tasks,
        filled,
        workers,
        prepare=partial(share_cores, workers),
        again=InpaintRequest.may_replace,
    )
    said: set[str] = set()
    with contextlib.closing(every):
        for attempt in every:
            if isinstance(attempt, Settled):
                yield attempt.value
                continue
            request, result = attempt.task, attempt.result
            if manifest is not None and not request.is_done:
                manifest.end(request, result, attempt.seconds)
            if isinstance(result, PredictorError):
                yield Outcome(request.input, error=result)
                continue
            ignored = [note for note in _ignored(request, result) if note not in said]
            said.update(ignored)
            notes = (*_not_verified(request), *ignored)
            yield Outcome(request.input, result, was_done_before=request.is_done, notes=notes)


def _task(
    request: InpaintRequest, source: Source, manifest: Manifest | None
) -> InpaintRequest | Settled[Outcome]:
    """Return what is to be done for `source`, or its outcome where nothing is."""
    try:
        left = _left_to_do(request, source, manifest)
    except PredictorError as error:
        if manifest is not None:
            manifest.end(request, error, 0.0)
        return Settled(Outcome(request.input, error=error))
    if left is None:
        if request.settings.verify and not request.is_video:
            return replace(request, is_done=True)
        return Settled(_done_before(request))
    if manifest is not None:
        manifest.begin(left)
    return left


def _done_before(request: InpaintRequest) -> Outcome:
    plan = PlannedPhotograph(request.output)
    return Outcome(request.input, plan, was_done_before=True, notes=_not_verified(request))


def _not_verified(request: InpaintRequest) -> tuple[str, ...]:
    is_asked = request.settings.verify and request.is_video
    return (_NOT_VERIFIED,) if is_asked else ()


def _ignored(request: InpaintRequest, result: Result) -> Iterator[str]:
    """Yield in words the options that have changed nothing of `result`."""
    saving = request.settings.saving
    if request.is_video:
        if saving.quality is not None:
            yield _NO_QUALITY_OF_VIDEOS
        if saving.format != "keep":
            yield _NO_FORMAT_OF_VIDEOS
    elif saving.quality is not None and (
        isinstance(result, FilledPhotograph) and result.keeps == "samples"
    ):
        yield _NO_QUALITY


def _left_to_do(
    request: InpaintRequest, source: Source, earlier: EarlierRuns | None
) -> InpaintRequest | None:
    """Return `request` as it is to be run, None where an earlier run did it.

    Raises `PredictorError` for what cannot be done, also where the operating system refuses it.
    """
    if source.error is not None:
        raise source.error
    try:
        if earlier is not None and earlier.is_done(request):
            return None
        if earlier is not None and earlier.is_own(request):
            request = request.may_replace()
        elif (
            earlier is not None and not request.settings.overwrite and earlier.was_changed(request)
        ):
            raise OutputExists(
                f"{request.output}: was changed since it was written; --overwrite replaces it"
            )
        request.check_outputs()
    except PredictorError:
        raise
    except OSError as error:
        raise UnreadableImage(f"{request.input}: {error}") from error
    return request
