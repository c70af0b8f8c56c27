"""The evaluation of a model that generates pictures, printed or written as a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from predictor.cli.console import log_on_stderr, print_document, print_rows, say_skipped

if TYPE_CHECKING:
    from predictor.analysis.code_evaluation import CodeScores
    from predictor.image_sampler import ImageSampler


def evaluate_images(
    *,
    model: str,
    system: str,
    data: Path,
    output: Path | None,
    samples: int,
    seed: int,
    features: Sequence[str] | None,
    device: str,
    precision: str,
    as_json: bool,
    labelled: bool = False,
) -> None:
    """Measure the model on the pictures of `data`; the parameters are options of the command.

    The codes of a model that has some are measured too. Where the discriminator that reads them is
    not there, what is left out is said; with `labelled` that is an error.
    """
    from predictor.analysis.code_report import code_rows, code_sections
    from predictor.analysis.feature_networks import feature_network
    from predictor.analysis.image_evaluation import evaluated_images
    from predictor.analysis.image_report import html_report, score_rows
    from predictor.analysis.page import write_page

    with log_on_stderr():
        sampler = _loaded(model, system, device, precision)
        codes, no_codes = _measured_codes(model, sampler, data, samples, seed, labelled)
        networks = [feature_network(name, sampler.device) for name in features or []]
        is_blurred, no_levels = _pyramid(model, sampler)
        found = evaluated_images(sampler, data, samples, seed, networks, is_blurred=is_blurred)
        left_out = {**no_codes, **no_levels, **found.left_out}
        sections = []
        if sampler.structure is not None:
            sections = code_sections(None if codes is None else codes.classes, sampler, seed)
    say_skipped(found.skipped)
    rows = ([] if codes is None else code_rows(codes)) + score_rows(found)
    rows += [(measure, f"left out: {why}") for measure, why in left_out.items()]
    if output is not None:
        write_page(output, html_report(model, str(data), found, rows, sections))
    if as_json:
        measured = found.as_json() | {"left_out": left_out}
        if codes is not None:
            scores = {**measured.get("scores", {}), **codes.named()}
            measured |= {"codes": codes.as_json(), "scores": scores}
        print_document(data, output, {"model": model, "system": system, "seed": seed, **measured})
        return
    print_rows(f"{model} on {data}", rows)
    if output is not None:
        typer.echo(output)


def _loaded(model: str, system: str, device: str, precision: str) -> "ImageSampler":
    """Return the generator; raises `UnknownModel` for a model that is none."""
    import predictor
    from predictor.errors import UnknownModel
    from predictor.image_sampler import ImageSampler

    sampler: Any = predictor.load(model, device, precision)
    if isinstance(sampler, ImageSampler):
        return sampler
    raise UnknownModel(
        f"the model {model} is of the system {system} and generates no pictures from latents: "
        "nothing here measures it"
    )


def _measured_codes(
    model: str, sampler: "ImageSampler", data: Path, samples: int, seed: int, is_required: bool
) -> tuple["CodeScores | None", dict[str, str]]:
    """Return what its codes say, and why that is left out where nothing reads them.

    With `is_required` it is an error if nothing reads them, or if the pictures have no labels.
    """
    from predictor.analysis.code_evaluation import evaluated_codes
    from predictor.analysis.code_reader import has_code_reader, load_code_reader
    from predictor.analysis.code_report import left_out_without_reader

    if sampler.structure is None:
        return None, {}
    if not is_required and not has_code_reader(model):
        return None, left_out_without_reader(sampler.structure)
    reader = load_code_reader(model, sampler.device)
    return evaluated_codes(reader, sampler, data, samples, seed, are_labelled=is_required), {}


def _pyramid(model: str, sampler: "ImageSampler") -> tuple[bool | None, dict[str, str]]:
    """Return whether the pyramid of its levels is blurred, and why that is left out if unknown."""
    from predictor.analysis.image_evaluation import BY_LEVELS
    from predictor.analysis.multiscale_likelihood import has_blurred_pyramid
    from predictor.model_files import find_model
    from predictor.networks.laplacian import LaplacianGenerator

    if not isinstance(sampler.network, LaplacianGenerator):
        return None, {}
    is_blurred = has_blurred_pyramid(find_model(model))
    if is_blurred is None:
        return None, {
            BY_LEVELS: "no discriminator beside the generator says how its pyramid is made"
        }
    return is_blurred, {}
