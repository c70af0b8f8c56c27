"""The evaluation of a model that generates pictures, printed or written as a report."""

from collections.abc import Sequence
from pathlib import Path

import typer

from predictor.cli.console import log_on_stderr, print_document, print_rows, say_skipped


def evaluate_images(
    *,
    model: str,
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
    import predictor
    from predictor.analysis.code_evaluation import evaluated_codes
    from predictor.analysis.code_reader import has_code_reader, load_code_reader
    from predictor.analysis.code_report import code_rows, code_sections, left_out_without_reader
    from predictor.analysis.feature_networks import feature_network
    from predictor.analysis.image_evaluation import BY_LEVELS, evaluated_images
    from predictor.analysis.image_report import html_report, score_rows
    from predictor.analysis.multiscale_likelihood import has_blurred_pyramid
    from predictor.analysis.page import write_page
    from predictor.errors import UnknownModel
    from predictor.image_sampler import ImageSampler
    from predictor.model_files import find_model
    from predictor.networks.laplacian import LaplacianGenerator
    from predictor.weights import read_metadata

    with log_on_stderr():
        task = read_metadata(find_model(model)).task
        sampler = predictor.load(model, device, precision)
        if not isinstance(sampler, ImageSampler):
            raise UnknownModel(
                f"the model {model} is of the system {task} and generates no pictures from "
                "latents: nothing here measures it"
            )
        codes, rows, sections, left_out = None, [], [], {}
        if sampler.structure is not None:
            if labelled or has_code_reader(model):
                reader = load_code_reader(model, sampler.device)
                codes = evaluated_codes(reader, sampler, data, samples, seed, are_labelled=labelled)
                rows = code_rows(codes)
            else:
                left_out = left_out_without_reader(sampler.structure)
            sections = code_sections(None if codes is None else codes.classes, sampler, seed)
        networks = [feature_network(name, sampler.device) for name in features or []]
        is_blurred = None
        if isinstance(sampler.network, LaplacianGenerator):
            is_blurred = has_blurred_pyramid(find_model(model))
            if is_blurred is None:
                left_out[BY_LEVELS] = (
                    "no discriminator beside the generator says how its pyramid is made"
                )
        found = evaluated_images(sampler, data, samples, seed, networks, is_blurred=is_blurred)
    say_skipped(found.skipped)
    rows += score_rows(found)
    left_out |= found.left_out
    rows += [(measure, f"left out: {why}") for measure, why in left_out.items()]
    if output is not None:
        write_page(output, html_report(model, str(data), found, rows, sections))
    if as_json:
        measured = found.as_json() | {"left_out": left_out}
        if codes is not None:
            scores = {**measured.get("scores", {}), **codes.named()}
            measured |= {"codes": codes.as_json(), "scores": scores}
        print_document(data, output, {"model": model, "system": task, "seed": seed, **measured})
        return
    print_rows(f"{model} on {data}", rows)
    if output is not None:
        typer.echo(output)
