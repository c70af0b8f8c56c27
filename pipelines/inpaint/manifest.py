"""The log of what was done in a folder of outputs, from which a second run resumes.

``inpaint.jsonl`` gets one JSON object when a photograph is begun and one when it is done or failed.
If a run was killed between writing an output and its last line, the first line tells that the file
there is its own and may be replaced. A failed photograph leaves no output, so that a file in its
place is somebody else's. A run that is to do everything again gets a line when it begins and one
when it comes to its end: between them, what it did is not done a second time.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pipelines.inpaint.request import InpaintRequest
from pipelines.results import Result, one_line
from predictor.errors import OutputNotWritten, PredictorError
from predictor.file_lock import hold

_DIGEST_BYTES = 12
_OVERWRITING, _ENDED = "overwriting", "ended"
"""The status of lines that are about a run, not about one output."""


class _Done(NamedTuple):
    """What the last line about a finished output says."""

    facts: bytes
    """A digest of them."""
    output_bytes: int | None
    """Its size; None in older manifests, which did not say it."""


class EarlierRuns:
    """What the `lines` of the manifest at `path` say of earlier runs.

    Only short hashes of each output are kept in memory.
    """

    def __init__(self, path: Path, lines: Iterable[bytes]) -> None:
        self.path = path
        self._done: dict[bytes, _Done] = {}
        self._done_anew: set[bytes] | None = None
        """What a run that is to do everything again has done; None if it came to its end."""
        self._begun: set[bytes] = set()
        line = b"\n"
        for line in lines:
            self._remember(line)
        self._is_cut_off = not line.endswith(b"\n")  # by a kill

    def is_done(self, request: InpaintRequest) -> bool:
        """Return whether an earlier run did this very request and its output is as it left it.

        The settings, place, size and time of photograph and mask, and the size of the output (a
        copy has another time) must be the same as then. If everything is to be done again, only a
        run with that aim that was stopped counts.
        """
        if request.settings.overwrite:
            name = _digest(self._name(request))
            if self._done_anew is None or name not in self._done_anew:
                return False
        done = self._made(request)
        return done is not None and done.output_bytes in (None, _size(request.output))

    def was_changed(self, request: InpaintRequest) -> bool:
        """Return whether an earlier run did this request and its output has another size now."""
        done = self._made(request)
        return done is not None and done.output_bytes not in (None, _size(request.output))

    def is_own(self, request: InpaintRequest) -> bool:
        """Return whether an earlier run began with the output of `request` and was stopped."""
        return _digest(self._name(request)) in self._begun

    def _made(self, request: InpaintRequest) -> _Done | None:
        """Return what is known of the output of this very request, if that is still there."""
        done = self._done.get(_digest(self._name(request)))
        if done is None or not os.path.isfile(request.output):
            return None
        facts = self._facts(request)
        is_same = done.facts in (_digest(facts), _digest(_without_places(facts)))
        return done if is_same else None

    def _name(self, request: InpaintRequest) -> str:
        return os.path.relpath(request.output, self.path.parent)

    def _facts(self, request: InpaintRequest) -> list[Any]:
        """Return what decides whether a second run would make the same output."""
        files = [request.input]
        with contextlib.suppress(PredictorError, OSError):  # filling it will meet the error
            files += filter(None, [request.mask_file])
        facts: list[Any] = [request.settings.fingerprint]
        for file in files:
            facts += [self._place(file), *_size_and_time(file)]
        return facts

    def _place(self, path: Path) -> str:
        """Return where `path` is as seen from here: the same once all is moved together."""
        return os.path.relpath(os.path.realpath(path), os.path.realpath(self.path.parent))

    def _remember(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            status = entry["status"]
            if status in (_OVERWRITING, _ENDED):
                self._done_anew = set() if status == _OVERWRITING else None
                return
            name = _digest(entry["output"])
        except (ValueError, LookupError, TypeError):  # cut off by a kill: it says nothing
            return
        if status == "begun":
            self._begun.add(name)
            self._done.pop(name, None)  # nothing tells an old output from a new one
        else:
            self._begun.discard(name)  # done, or failed and left nothing there
        if status == "done":
            self._done[name] = _Done(_digest(entry.get("facts")), entry.get("output_bytes"))
            if self._done_anew is not None:
                self._done_anew.add(name)


class Manifest(EarlierRuns):
    """The manifest at `path`, to read and to append to; a context manager.

    Raises `OutputNotWritten`, also while another process writes to its folder.
    """

    def __init__(self, path: Path) -> None:
        self._begun_with: dict[str, list[Any]] = {}
        self._is_overwriting = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise OutputNotWritten(f"{path}: not written: {error.strerror}") from error
        try:
            refusal = f"{path}: another process is filling into this folder"
            hold(self._file, refusal, advice="let no second command fill into its folder")
            with _reading(path):
                self._file.seek(0)
                super().__init__(path, self._file)
                if self._is_cut_off:
                    self._file.write(b"\n")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def begin_run(self, overwrites: bool) -> None:
        """Note that all is to be done again, unless a run with that aim was stopped and goes on.

        Raises `OutputNotWritten`.
        """
        if overwrites and self._done_anew is None:
            self._add({"status": _OVERWRITING})
        self._is_overwriting = overwrites or self._done_anew is not None

    def end_run(self) -> None:
        """Note that the run came to its end. Raises `OutputNotWritten`."""
        if self._is_overwriting:
            self._add({"status": _ENDED})

    def begin(self, request: InpaintRequest) -> None:
        """Note that the output may appear from now on. Raises `OutputNotWritten`.

        Place, size and time of photograph and mask are taken now: if they change while it is
        filled, the next run does it again.
        """
        name = self._name(request)
        self._begun_with[name] = self._facts(request)
        self._add({"output": name, "status": "begun"})

    def end(self, request: InpaintRequest, result: Result | PredictorError, seconds: float) -> None:
        """Note how it ended. Raises `OutputNotWritten`."""
        name = self._name(request)
        facts = self._begun_with.pop(name, None)
        entry: dict[str, Any] = {
            "input": str(request.input),
            "output": name,
            "status": "failed" if isinstance(result, PredictorError) else "done",
            "milliseconds": round(1000 * seconds, 1),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "error": None,
        }
        if isinstance(result, PredictorError):
            entry["error"] = {"type": type(result).__name__, "message": one_line(result)}
        else:
            settings = request.settings.mask_settings
            entry |= {"facts": facts, "model": request.settings.model}
            entry |= {"dilate_px": settings.dilate_px, "feather_px": settings.feather_px}
            entry |= result.as_json()
            entry["output"] = name
            entry["output_bytes"] = _size(request.output)
        self._add(entry)

    def _add(self, entry: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputNotWritten(f"{self.path}: not written: {error.strerror}") from error


def earlier_runs(path: Path) -> EarlierRuns:
    """Return what the manifest at `path` says, without changing it; nothing where there is none.

    Raises `OutputNotWritten`.
    """
    with _reading(path):
        try:
            with path.open("rb") as file:
                return EarlierRuns(path, file)
        except (FileNotFoundError, NotADirectoryError):
            return EarlierRuns(path, ())


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritten(f"{path}: cannot be read: {error.strerror}") from error


def _digest(*said: Any) -> bytes:
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=_DIGEST_BYTES).digest()


def _without_places(facts: list[Any]) -> list[Any]:
    """Return the `facts` as manifests had them that did not yet say where a file is."""
    return [facts[0], *(fact for fact in facts[1:] if not isinstance(fact, str))]


def _size(path: Path) -> int:
    return _size_and_time(path)[0]


def _size_and_time(path: Path) -> list[int]:
    try:
        about = path.stat()
    except OSError:
        return [-1, -1]
    return [about.st_size, about.st_mtime_ns]
