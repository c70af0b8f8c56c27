"""Many inputs one after another: one that fails does not stop the others."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from pipelines.inputs import Inputs
from pipelines.progress import Advance, progress_bar
from pipelines.results import Outcome, Result, UnusableOption, bug_report
from predictor.errors import DamagedWeights, Interrupted, PredictorError, UnknownModel

FATAL = (Interrupted, UnknownModel, DamagedWeights, UnusableOption)
"""Errors that every other input would meet too."""


class Request(Protocol):
    """What is asked for one input."""

    def check_outputs(self) -> None:
        """Raise `OutputIsInput`, `OutputExists` or `OutputNotWritten` before any work is done."""


AnyRequest = TypeVar("AnyRequest", bound=Request)


def outcomes(
    inputs: Inputs,
    requests: Mapping[Path, AnyRequest],
    run: Callable[[AnyRequest, Advance], Result],
    is_planned: bool = False,
) -> Iterator[Outcome]:
    """Yield the outcome of `run` for each input, in the order they were named.

    `requests` has one for each of `inputs.clips`; its outputs are checked before it is run, so that
    no time is lost on what cannot be written. An error, even a bug of this program, is the outcome
    of its input, and the other inputs are still processed; only `FATAL` errors are raised.
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
        except Exception as error:  # a bug that one clip meets must not stop the others
            bug = PredictorError(f"{path}: {bug_report(error)}")
            bug.__cause__ = error
            yield Outcome(path, error=bug)
        else:
            yield Outcome(path, result, is_planned=is_planned)
