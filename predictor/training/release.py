"""Export of a run: weights files with their provenance, beside the model card."""

import functools
import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from torch import nn

from predictor.data import ImageSettings
from predictor.errors import OutputExists, OutputIsInput, SettingsError
from predictor.model_files import SUFFIX, companion_file, companion_files
from predictor.networks import NETWORKS
from predictor.run_folder import RUN_FILE
from predictor.systems.entry import SystemEntry
from predictor.training.model_card import CARD, VALIDATED, is_unfinished_card, model_card
from predictor.training.reports import reports_in
from predictor.training.result import trained_networks
from predictor.training.run import Run, opened_run
from predictor.training.starting_state import CLASSES, COMMIT
from predictor.weights import Metadata, Provenance, save_network
from predictor.whole_files import require_free, write_whole
from predictor.wording import counted

NOT_STATED = "not stated"


def export_run(
    folder: Path,
    output: Path,
    systems: Mapping[str, SystemEntry],
    *,
    data: str | None = None,
    licence: str = NOT_STATED,
    commercial_use: bool = False,
    evaluation: Path | None = None,
    best: bool = True,
    beside: Sequence[Path] = (),
    overwrite: bool = False,
) -> Path:
    """Write the released networks of the run in `folder` and their card into the folder `output`.

    The file of the network that people run is named after the folder, and its path is returned; its
    companions add their own names to that. `data` describes the training data and their terms.
    Scores are taken from `evaluation`, the document of ``predictor evaluate --json``, or else from
    the validation of the exported checkpoint. `beside` are the runs of the other levels of a system
    that was trained level by level. Raises `OutputExists`, even with `overwrite` for a card that a
    person has written in; `OutputIsInput` for the folder of a run or of its data;
    `OutputNotWritten`; and `SettingsError` for what is not a run or not an evaluation.
    """
    file, card = output / f"{output.resolve().name}{SUFFIX}", output / CARD
    for path in (file, card):
        require_free(path, overwrite)
    _require_no_text_of_others(card)
    if (output / RUN_FILE).exists():
        raise OutputIsInput(f"{output} is the folder of a run; name another for the model")
    networks, run, record = trained_networks(folder, systems, best=best, beside=beside)
    if output.resolve() == run.data.resolve():
        raise OutputIsInput(f"{output} is what {folder} trains on; name another for the model")
    scores, horizon = ({}, None) if evaluation is None else _evaluated(evaluation, run.system_name)
    (network, *_), (_, *companions) = networks.values(), networks
    beside_file = {part: companion_file(file, part) for part in companions}
    for path in beside_file.values():
        require_free(path, overwrite)
    facts, runs = record["facts"], (run, *(opened_run(other, systems) for other in beside))
    names = dict.fromkeys(_as_text(each.data.name) for each in runs)
    iterations = (record["iteration"], *record.get("iterations_beside", ()))
    trained = [*zip(runs, iterations, strict=True)]
    validated: dict[str, float] = {}
    for each, iteration in trained:
        validated = {**_validated(each, iteration), **validated}
    provenance = Provenance(
        data=data or f"{', '.join(names)}; terms {NOT_STATED}",
        licence=licence,
        commercial_use=commercial_use,
        command=" && ".join(map(training_command, runs)),
        commit=str(facts.get(COMMIT, NOT_STATED)),
        iterations=record["iteration"],
        training_time_s=round(record["training_time_s"], 3),
        hardware=f"{facts['device']}, {counted(facts['threads'], 'thread')}, {facts['precision']}",
        scores=validated if evaluation is None else scores,
        measured_horizon=horizon,
    )
    save = functools.partial(_saved, run, facts.get(CLASSES), provenance, overwrite)
    for part, path in beside_file.items():
        save(path, networks[part], part)
    metadata = save(file, network, None)
    if overwrite:
        for part, path in companion_files(file).items():
            if part not in companions:  # of the model that this one replaces
                path.unlink()
    write_whole(card, model_card(file, metadata, trained, [*beside_file.values()]).encode())
    return file


def _require_no_text_of_others(card: Path) -> None:
    """Raise `OutputExists` if `card` is there and not as an export left it."""
    if card.exists() and not is_unfinished_card(card.read_text(errors="replace")):
        raise OutputExists(
            f"{card}: has been written in since it was exported, or is no model card; move it "
            "away to have a new one"
        )


def _saved(
    run: Run,
    class_names: Sequence[str] | None,
    provenance: Provenance,
    overwrite: bool,
    path: Path,
    network: nn.Module,
    part: str | None,
) -> Metadata:
    """Write one network of `run`; `part` is its name, None for the one that people run."""
    images = getattr(run.settings, "images", None)
    return save_network(
        path,
        registered_name(network),
        network,
        provenance,
        task=run.system_name,
        part=part,
        class_names=class_names,
        short_side=images.short_side if isinstance(images, ImageSettings) else None,
        overwrite=overwrite,
    )


def registered_name(network: nn.Module) -> str:
    """Return the name of `network` in `NETWORKS`; raises `SettingsError` if it is not there."""
    for name, (_, module) in NETWORKS.items():
        if type(network) is module:
            return name
    raise SettingsError(f"{type(network).__name__} is not in the table of networks")


def training_command(run: Run) -> str:
    """Return the command that starts a run like this one, with every setting that is not a default.

    Paths are reduced to their last part, because the command is published.
    """
    words = ["predictor", "train", run.system_name, run.data.name, "-o", run.folder.name]
    if run.begun_from is not None:
        words += ["--init-from", run.begun_from]
    for key, value in _changes(run.settings, type(run.settings)()):
        if isinstance(value, str) and Path(value).is_absolute():
            value = Path(value).name
        words += ["--set", f"{key}={_as_toml(value)}"]
    return _as_text(shlex.join(words))


def _as_text(words: str) -> str:
    """Return `words` with bytes of file names that are not UTF-8 replaced by a sign."""
    return words.encode(errors="surrogateescape").decode(errors="replace")


def _evaluated(path: Path, system: str) -> tuple[dict[str, float], int | None]:
    """Return the scores in the document of an evaluation, and its horizon in frames.

    Raises `SettingsError` for another document, also one of a model of another system.
    """
    try:
        found = json.loads(path.read_text())["results"][0]
        of = found.get("system", system)
        scores, horizon = _scores(found)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration) as error:
        raise SettingsError(
            f"{path} is not what `predictor evaluate --json` prints: {error!r}"
        ) from error
    if of != system:
        raise SettingsError(f"{path} measures a model of the system {of!r}, not of {system!r}")
    return scores, horizon


def _scores(found: Mapping[str, Any]) -> tuple[dict[str, float], int | None]:
    """Return the scores, of a predictor of frames those of some frames ahead, and the horizon."""
    if "scores" in found:
        return _numbers(found["scores"]), None
    scores: dict[str, Any] = {}
    horizon = int(found["horizon"])
    model = next(iter(found["gain_psnr_db"]))
    for step in sorted({1, min(4, horizon), horizon}):
        means = {name: rows[step - 1]["mean"] for name, rows in found["means"][model].items()}
        scores[f"psnr_frame_{step}_db"] = means["psnr_db"]
        scores[f"gain_frame_{step}_db"] = found["gain_psnr_db"][model][step - 1]["mean"]
        scores[f"ssim_frame_{step}"] = means["ssim"]
        scores[f"sharpness_frame_{step}_db"] = means["sharpness_db"]
    scores["share_worse_than_repeat_last"] = found["share_worse_than_repeat_last"][model][0]
    return _numbers(scores), horizon


def _numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores that are known; raises `ValueError` for none and for what is no number."""
    found = {name: float(value) for name, value in scores.items() if value is not None}
    if not found or not all(map(math.isfinite, found.values())):
        raise ValueError(f"scores are {dict(scores)}, expected numbers")
    return found


def _validated(run: Run, iteration: int) -> dict[str, float]:
    """Return the validation scores after `iteration` from the run's log, if there are any."""
    prefix = "validation/"
    reports = [report for report in reports_in(run.folder) if report.get("iteration") == iteration]
    return {
        f"{VALIDATED}{name.removeprefix(prefix)}": value
        for report in reports
        for name, value in report.items()
        if name.startswith(prefix) and value is not None  # of one that was not finite
    }


def _changes(
    settings: BaseModel, defaults: BaseModel, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of each setting that is not the default.

    Of a table, its own settings that differ; any other value is whole, a dictionary too. A table of
    another network or kind than the default is compared with what such a table begins with.
    """
    usual = defaults.model_dump(mode="json")
    if any(getattr(settings, key, None) != usual.get(key) for key in ("network", "kind")):
        plain = type(settings).model_construct().model_dump(mode="json")
        usual = {**plain, "network": None, "kind": None}
    for key, value in settings.model_dump(mode="json").items():
        table, usual_table = getattr(settings, key), getattr(defaults, key, None)
        if isinstance(table, BaseModel) and isinstance(usual_table, BaseModel):
            yield from _changes(table, usual_table, f"{prefix}{key}.")
        elif value != usual.get(key):
            yield f"{prefix}{key}", value


def _as_toml(value: Any) -> str:
    """Return a value as TOML has it on one line; what is None in a table is left out of it."""
    if isinstance(value, Mapping):
        pairs = [
            f"{json.dumps(key) if not key.isidentifier() else key}={_as_toml(below)}"
            for key, below in value.items()
            if below is not None
        ]
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_as_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
