"""The console script `predictor`: a thin shell over the library that prints and sets exit codes.

stdout carries results, everything else goes to stderr. An error is one line; ``--debug`` shows
where it came from. Nothing heavy is imported before a command runs.
"""

import errno
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup

import predictor.cli
from pipelines.allocator import keep_freed_memory
from pipelines.benchmark.command import benchmark
from pipelines.frames.command import frames
from pipelines.inpaint.command import inpaint
from pipelines.machine.commands import doctor, models
from pipelines.results import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    bug_report,
    failed_document,
    one_line,
)
from pipelines.termination import Terminated, terminated_like_interrupted
from predictor import __version__
from predictor.errors import Interrupted, PredictorError, SettingsError
from predictor.media.pillow_warnings import silence_pillow


class _Stopped(Exception):
    """Ctrl-C, SIGTERM or SIGHUP in a command that does not handle it itself."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class _Commands(TyperGroup):
    """The commands, of which an unhandled Ctrl-C is reported: Typer would end without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with terminated_like_interrupted():
                return super().invoke(ctx)
        except Terminated as error:
            raise _Stopped(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise _Stopped(EXIT_INTERRUPTED) from error


app = typer.Typer(
    name="predictor",
    cls=_Commands,
    help="Predict the next frames of videos, fill holes in photographs, train the networks for it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The base class of all usage errors. Newer versions of Typer bring a click of their own, so that
# it cannot be imported by a name that holds for all of them.
_UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"predictor {__version__}")
        raise typer.Exit


@app.callback()
def _predictor(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Predict the next frames of videos, fill holes in photographs, train the networks for it."""


app.command(rich_help_panel="Files")(frames)
app.command(rich_help_panel="Files")(inpaint)
app.add_typer(predictor.cli.app)
app.command(rich_help_panel="This installation")(models)
app.command(rich_help_panel="This installation")(benchmark)
app.command(rich_help_panel="This installation")(doctor)


def run(arguments: Sequence[str]) -> int:
    """Return the exit code of the command line `arguments`, without the program's name."""
    is_debug = "--debug" in arguments
    if not _has_current_folder():
        message = "the current folder was deleted; change to one that is there"
        return _failed(arguments, message, EXIT_FAILED)
    try:
        code = app(list(arguments), prog_name="predictor", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except _UsageError as error:
        return _failed(arguments, cast(typer.BadParameter, error).format_message(), EXIT_USAGE)
    except _Stopped as stopped:
        return _failed(arguments, "interrupted", stopped.exit_code)
    except typer.Abort:
        return _failed(arguments, "interrupted", EXIT_INTERRUPTED)
    except Interrupted as error:
        return _failed(arguments, one_line(error), 128 + error.signal_number)
    except PredictorError as error:
        if is_debug:
            traceback.print_exc()
        usage = isinstance(error, SettingsError)
        return _failed(arguments, one_line(error), EXIT_USAGE if usage else EXIT_FAILED)
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        # The reader of stdout left, as `head` does. Typer would end with 1, as if an input failed.
        return 128 + signal.SIGPIPE
    except OSError as error:
        if is_debug:
            raise
        if error.errno not in _DISK_FULL or error.filename is not None:
            return _failed(arguments, bug_report(error), EXIT_FAILED)
        sys.stdout = None  # else the interpreter tries to flush it at the end, and fails again
        message = f"cannot write to stdout: {error.strerror}"
        return _failed((), message, EXIT_FAILED)
    except Exception as error:  # a bug of ours: one line too, unless --debug asks for more
        if is_debug:
            raise
        return _failed(arguments, bug_report(error), EXIT_FAILED)


_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a stdout that goes to a file; the same errors of outputs become `OutputNotWritten`."""


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _failed(arguments: Sequence[str], message: str, code: int) -> int:
    """Say `message` on stderr and, with ``--json``, in the promised document; return `code`."""
    if message:  # none beside the help that a command without arguments prints
        typer.echo(f"predictor: {message}", err=True)
    if "--json" in arguments:
        typer.echo(json.dumps(failed_document(code, message), indent=2))
    return code


_SPINS = "20000"


def _let_idle_threads_sleep() -> None:
    """Let threads that wait for others sleep soon, unless the environment says how they wait.

    GNU OpenMP, which torch uses, has them spin some 300,000 times first. That gains nothing
    measurable on an idle machine, and next to one other busy process a fill took ten times as long.
    The environment is read once, when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def _open_closed_streams() -> None:
    """Connect the standard streams that the caller closed to the null device.

    Otherwise the next file to be opened would get the number of a closed stream, and what libraries
    print to that stream would end up in the file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


def _print_any_name() -> None:
    """Let stdout take file names that are not text, byte for byte as the file system has them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    _open_closed_streams()
    _print_any_name()
    _let_idle_threads_sleep()
    keep_freed_memory()
    silence_pillow()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
