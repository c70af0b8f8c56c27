"""Many clips one after another: one that fails does not stop the others."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pipelines.inputs import Inputs
from pipelines.outputs import output_paths
from pipelines.progress import Advance, progress_bar
from pipelines.requests import FramesRequest
from pipelines.results import FramesResult, Outcome
from predictor.errors import DamagedWeights, Interrupted, PredictorError, UnknownModel

FATAL = (Interrupted, UnknownModel, DamagedWeights)
"""What would meet every other clip too."""


def frames_requests(
    inputs: Inputs, template: FramesRequest, output: Path | None = None, with_gif: bool = False
) -> dict[Path, FramesRequest]:
    """Return one request a clip, like `template`, with names of outputs that never meet.

    For several clips `template.frames_dir` becomes a folder with one folder a clip in it.
    """
    requests = {}
    named = list(inputs.entries)
    paths = output_paths(named, output)
    if output is not None and inputs.is_batch and len(named) == 1:  # a folder with one video in it
        paths = [output / path.name for path in output_paths(named)]
    for clip, path in zip(named, paths, strict=True):
        if inputs.entries[clip] is not None:
            continue
        frames_dir = template.frames_dir
        if frames_dir is not None and inputs.is_batch:
            frames_dir = frames_dir / path.name.removesuffix(path.suffix)
        gif = path.with_suffix(".gif") if with_gif else None
        if gif == path:  # the video is a GIF itself
            gif = None
        requests[clip] = replace(template, input=clip, output=path, frames_dir=frames_dir, gif=gif)
    return requests


def frames_outcomes(
    inputs: Inputs,
    requests: Mapping[Path, FramesRequest],
    run: Callable[[FramesRequest, Advance], FramesResult],
    is_planned: bool = False,
) -> Iterator[Outcome]:
    """Yield the outcome of `run` for each clip, in the order they were named.

    The outputs are checked first, so that what cannot end well costs no time. An error belongs to
    its clip and the others are done all the same, except for `FATAL`, which is raised.
    """
    for path, error in inputs.entries.items():
        try:
            if error is not None:
                raise error
            requests[path].check_outputs()
            with progress_bar(path.name, is_shown=not is_planned) as advance:
                result = run(requests[path], advance)
        except FATAL:
            raise
        except PredictorError as failed:
            yield Outcome(path, error=failed)
        else:
            yield Outcome(path, result, is_planned=is_planned)
