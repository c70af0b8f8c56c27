"""A published result run again: each seed is trained and tested by the protocol of its paper."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from predictor.data import open_images
from predictor.data.image_parts import TEST
from predictor.devices import chosen_device
from predictor.errors import Interrupted, SettingsError, UnusableData
from predictor.model_files import companion_files, find_model
from predictor.progress import Progress
from predictor.recipes import Recipe
from predictor.reproduction.measured import Measured, Protocol, Row, Subject, Trained
from predictor.reproduction.plan import Plan, planned, recipe_settings
from predictor.reproduction.protocols import PROTOCOLS
from predictor.run_folder import RUN_FILE
from predictor.systems import SYSTEMS
from predictor.training.loop import resume, train
from predictor.training.refusal import gone_if_refused
from predictor.training.result import trained_networks
from predictor.training.run import opened_run
from predictor.training.settings import require_same_run
from predictor.weights import load_network, read_metadata
from predictor.whole_files import write_whole

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is to be reproduced."""

    recipe: Recipe
    data: Path
    folder: Path | None = None
    """Where the runs and results are kept; None only where a model is given."""
    model: str | None = None
    """A trained model to test instead of training one: a name, file or folder."""
    against: str | None = None
    """The model that it is compared with, where the recipe compares two."""
    seeds: int = 1
    """Number of seeds, counted up from that of the recipe."""
    budget_s: float | None = None
    """Time for all training together; None for the published iterations."""
    draws: int = 100
    """Draws of labels that are tested, at most those of the recipe's protocol settings."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that do not change the result, such as the device or the number of workers."""
    device: str = "auto"
    progress: Progress | None = None


@dataclass(frozen=True)
class SeedResult:
    """The runs of one seed and what the protocol measured on them."""

    seed: int
    measured: Measured
    runs: tuple[Mapping[str, Any], ...]
    """For each run its folder, recipe, iterations, ``training_time_s`` and hardware."""


@dataclass(frozen=True)
class Reproduction:
    """The results of all seeds."""

    request: Request
    seeds: tuple[SeedResult, ...]
    scale: float | None
    """Share of the published iterations; None of a model that is there already."""


def reproduced(request: Request) -> Reproduction:
    """Train and test what `request` asks for, or continue an interrupted one in its folder.

    Raises `SettingsError`, also for a folder that holds another reproduction, `Interrupted` once
    the state is saved, and the errors of training. What is refused before a run has begun leaves
    no file behind.
    """
    protocol = PROTOCOLS[request.recipe.protocol or ""]
    if request.model is not None:
        return Reproduction(request, (_of_model(request, protocol),), None)
    if request.folder is None:
        raise SettingsError("a folder for the runs is needed, or a trained MODEL before DATA")
    stamp = _stamp_of_test(request, protocol)
    with gone_if_refused(request.folder):
        plan = planned(
            request.folder,
            request.recipe,
            request.data,
            seeds=request.seeds,
            budget_s=request.budget_s,
            changes=request.changes,
        )
        scale = min(plan.scale(recipe) for recipe in plan.recipes)
        if scale < 1:
            _logger.warning("scaled down to %.2g of the published iterations", scale)
        first = recipe_settings(request.recipe).seed
        results = tuple(
            _of_seed(request, plan, protocol, seed, stamp)
            for seed in range(first, first + request.seeds)
        )
    return Reproduction(request, results, scale)


def _stamp_of_test(request: Request, protocol: Protocol) -> str:
    """Return what tells whether the data have changed.

    Raises `UnusableData`, before anything is trained, for data that cannot be tested on.
    """
    collection = open_images(request.data)
    test = collection.part(TEST)
    if protocol.needs_labels and test.labels is None:
        raise UnusableData(
            f"{request.data} has no labels in its part {TEST}, by which {request.recipe.name} is "
            "tested"
        )
    return collection.stamp


def _of_seed(request: Request, plan: Plan, protocol: Protocol, seed: int, stamp: str) -> SeedResult:
    """Train and test one seed, or return what was measured before by the same test."""
    path = plan.folder / f"measured-seed-{seed}.json"
    settings = request.recipe.protocol_settings
    asked = {
        "protocol": request.recipe.protocol,
        **settings.model_dump(mode="json"),
        "draws": min(request.draws, settings.draws),
        "data": stamp,
    }
    if path.exists():
        try:
            stored = json.loads(path.read_text())
            if stored["asked"] == asked:
                return _restored(seed, stored)
        except (ValueError, KeyError, TypeError) as error:
            _logger.warning("%s is damaged and measured again: %r", path, error)
    trained, runs = [], []
    for recipe in plan.recipes:
        folder = plan.run_folder(recipe, seed)
        _train(plan, recipe, seed, request.changes)
        is_best = protocol.checkpoint == "best"
        networks, _, record = trained_networks(folder, SYSTEMS, best=is_best)
        trained.append(Trained(recipe.name, networks, _class_names(record["facts"].get("classes"))))
        runs.append(
            {
                "folder": folder.name,
                "recipe": recipe.name,
                "iterations": plan.iterations[recipe.name],
                "published_iterations": recipe_settings(recipe).iterations,
                "tested_iteration": record["iteration"],
                "training_time_s": record["training_time_s"],
                "facts": record["facts"],
            }
        )
    subject = Subject(
        recipe=request.recipe,
        settings=plan.settings(request.recipe, seed, request.changes),
        data=request.data,
        model=trained[0],
        baseline=trained[1] if len(trained) > 1 else None,
        seed=seed,
        device=chosen_device(request.device),
        cache=plan.run_folder(request.recipe, seed),
        draws=request.draws,
        progress=request.progress,
    )
    measured = protocol.measured(subject)
    content = {"asked": asked, "measured": asdict(measured), "runs": runs}
    write_whole(path, json.dumps(content, indent=2).encode())
    return SeedResult(seed, measured, tuple(runs))


def _restored(seed: int, stored: Mapping[str, Any]) -> SeedResult:
    measured = stored["measured"]
    return SeedResult(
        seed,
        Measured(
            rows=tuple(Row(**row) for row in measured["rows"]),
            headings=measured["headings"],
            spread=measured["spread"],
            notes=tuple(measured["notes"]),
        ),
        tuple(stored["runs"]),
    )


def _train(plan: Plan, recipe: Recipe, seed: int, changes: Mapping[str, Any]) -> None:
    """Train a run of the plan to its end, from its last checkpoint if it has one."""
    folder, entry = plan.run_folder(recipe, seed), SYSTEMS[recipe.system]
    settings = plan.settings(recipe, seed, changes)
    try:
        if (folder / RUN_FILE).exists():
            require_same_run(opened_run(folder, SYSTEMS).settings, settings)
            resume(folder, SYSTEMS, changes=changes)
        else:
            train(folder, recipe.system, entry, settings, plan.data)
    except Interrupted as error:
        raise Interrupted(
            f"stopped while training {folder}, which is saved; the same command goes on",
            error.signal_number,
        ) from error


def _of_model(request: Request, protocol: Protocol) -> SeedResult:
    """Test a model that is there already."""
    if request.recipe.against is not None and request.against is None:
        raise SettingsError(
            f"the recipe {request.recipe.name} compares with {request.recipe.against}: name that "
            "model too (--against)"
        )
    assert request.model is not None
    settings = recipe_settings(request.recipe)
    system = read_metadata(find_model(request.model)).task
    if system != request.recipe.system:
        raise SettingsError(
            f"{request.model} is of the system {system!r}, the recipe {request.recipe.name} of "
            f"{request.recipe.system!r}"
        )
    model = released_networks(request.model)
    against = None if request.against is None else released_networks(request.against)
    measured = protocol.measured(
        Subject(
            recipe=request.recipe,
            settings=settings,
            data=request.data,
            model=model,
            baseline=against,
            seed=settings.seed,
            device=chosen_device(request.device),
            draws=request.draws,
            progress=request.progress,
        )
    )
    told = tuple(f"{each.name}: {each.origin}" for each in (model, *([against] if against else [])))
    return SeedResult(settings.seed, replace(measured, notes=(*measured.notes, *told)), ())


def released_networks(name_or_file: str) -> Trained:
    """Return the networks of a model: the one that people run, and those released with it."""
    path = find_model(name_or_file)
    network, metadata = load_network(path)
    companions = {part: load_network(file)[0] for part, file in companion_files(path).items()}
    origin = metadata.provenance
    return Trained(
        name_or_file,
        {"": network, **companions},
        _class_names(metadata.class_names),
        f"{origin.iterations:,} iterations, {origin.command}",
    )


def _class_names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(names) if names else None
