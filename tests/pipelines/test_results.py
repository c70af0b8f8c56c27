"""What is said of an error that nobody foresaw: whose it is, and where."""

from pathlib import Path
from typing import Any

from pipelines.results import bug_report
from predictor.image_sampler import ImageSampler

ANYTHING: Any = None


def error_of(program: str, path: Path) -> Exception:
    """Return what the program, as if in the file `path`, ended with."""
    try:
        exec(compile(program, path, "exec"))
    except Exception as error:
        return error
    raise AssertionError("it ended well")


def test_an_error_in_this_program_is_its_bug() -> None:
    try:
        ImageSampler.labels(ANYTHING, range(3))
    except AttributeError as error:
        said = bug_report(error)
    assert said.endswith("(a bug in predictor; predictor --debug … shows where)")


def test_an_error_in_a_program_around_it_is_not(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    said = bug_report(error_of("one = 1\none / 0", mine))
    assert said == (
        f"ZeroDivisionError: division by zero ({mine}:2; predictor --debug … shows more)"
    )


def test_an_error_that_a_library_raises_is_whose_call_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    error = error_of("import numpy\nnumpy.zeros(2) @ numpy.zeros(3)", mine)
    assert f"({mine}:2;" in bug_report(error)
    error = error_of(
        "from predictor.image_sampler import ImageSampler\nImageSampler.labels(None, [1])", mine
    )
    assert "a bug in predictor" in bug_report(error)
