"""The run file ``run.json`` in a run folder: the system, settings and data of the run."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import SettingsError, UnknownRun
from predictor.run_folder import CHECKPOINTS, LOG_FILE, RUN_FILE
from predictor.systems.entry import SystemEntry
from predictor.systems.settings import RunSettings
from predictor.training.settings import validated_settings
from predictor.whole_files import write_whole

_ADVICE = f": the first line of {LOG_FILE} beside it has the system and the settings of the run"


@dataclass(frozen=True)
class Run:
    """A run folder and what its run file says."""

    folder: Path
    system_name: str
    entry: SystemEntry
    settings: RunSettings
    data: Path
    begun_from: str | None = None
    """Name or path, as the user gave it, of the model whose weights the run started from."""

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / CHECKPOINTS


def opened_run(folder: Path, systems: Mapping[str, SystemEntry]) -> Run:
    """Return the run in `folder`.

    Raises `UnknownRun` if there is none, `SettingsError` for a run file that is damaged or names a
    system that is not in `systems`.
    """
    path = folder / RUN_FILE
    try:
        content = json.loads(path.read_text())
        system_name, values = content["system"], content["settings"]
        data, begun_from = Path(content["data"]), content.get("begun_from")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnknownRun(_not_a_run(folder)) from error
    except OSError as error:
        raise UnknownRun(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path} is damaged ({error}){_ADVICE}") from error
    if not isinstance(system_name, str) or system_name not in systems:
        raise SettingsError(f"{path}: no system {system_name!r}; known are {', '.join(systems)}")
    entry = systems[system_name]
    try:
        settings = validated_settings(entry.settings, values)
    except SettingsError as error:
        raise SettingsError(f"{path} has settings that cannot be: {error}{_ADVICE}") from error
    return Run(folder, system_name, entry, settings, data, begun_from)


def system_of_run(folder: Path) -> str | None:
    """Return the name of the system in the run file of `folder`; None where it cannot be read."""
    try:
        system = json.loads((folder / RUN_FILE).read_text())["system"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return system if isinstance(system, str) else None


def _not_a_run(path: Path) -> str:
    """Return why `path` is no run folder, and the run that it lies in, if any."""
    reason = f"it has no {RUN_FILE}"
    if path.is_file():
        reason = f"it is a file, expected a folder with {RUN_FILE}"
    around = [folder for folder in path.absolute().parents if (folder / RUN_FILE).is_file()]
    remedy = f"; name the run that it lies in, {around[0]}" if around else ""
    return f"{path} is not a run: {reason}{remedy}"


def resume_command(folder: Path) -> str:
    """Return the command that continues the run in `folder`, as a shell takes it."""
    return shlex.join(["predictor", "resume", str(folder)])


def write_run_file(run: Run) -> None:
    """Write ``run.json`` into the folder of `run`."""
    content = {
        "system": run.system_name,
        "settings": run.settings.model_dump(mode="json"),
        "data": str(run.data),
        "begun_from": run.begun_from,
    }
    write_whole(run.folder / RUN_FILE, (json.dumps(content, indent=2) + "\n").encode())
