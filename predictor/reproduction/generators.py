"""Protocols for the samples of generators."""

import torch
from torch import Tensor

from predictor.analysis.feature_networks import efficientnet
from predictor.analysis.likelihood import CHOOSING, parzen_likelihood, sampled_likelihood
from predictor.analysis.multiscale_likelihood import multiscale_likelihood
from predictor.analysis.network_scores import network_scores
from predictor.errors import UnusableData
from predictor.metrics import nearest_class_error
from predictor.networks.laplacian import LaplacianGenerator
from predictor.reproduction.measured import Measured, Row, Subject
from predictor.reproduction.pictures import held_out_pictures, pictures_of_test

FRECHET = "frechet_efficientnet_lite0"

PYRAMIDS_TESTED, PYRAMIDS_CHOOSING = 500, 100
"""Pictures for the multi-scale likelihood, which draws a hundred samples for each."""


def goodfellow_2014(subject: Subject) -> Measured:
    """Goodfellow et al. 2014, section 5: log-likelihood of test pictures under a Parzen window.

    The window is fitted to samples, its width chosen on at most a thousand held-out pictures.
    """
    sampler, settings = subject.sampler(), subject.recipe.protocol_settings
    test, _ = pictures_of_test(subject)
    choosing, _ = held_out_pictures(subject, CHOOSING)
    numbers = range(settings.samples)
    values = sampler.values(sampler.latents(subject.seed, numbers), sampler.labels(numbers))
    found = sampled_likelihood(sampler, values, test, choosing)
    return Measured(
        rows=(
            Row(
                subject.model.name,
                {"parzen_nats": found.nats},
                {"parzen_nats": found.standard_error_nats},
            ),
        ),
        headings={"parzen_nats": "Parzen log-likelihood, nats"},
        spread="standard error over the test pictures",
        notes=(
            f"{len(test):,} test pictures under {settings.samples:,} samples, pixels in "
            f"{found.units}; the width {found.sigma:.3f} was chosen on {len(choosing):,} held out",
        ),
    )


def radford_2016_samples(subject: Subject) -> Measured:
    """Radford et al. 2016, section 5.2: 1-NN error of test pictures among labelled samples."""
    sampler, settings = subject.sampler(), subject.recipe.protocol_settings
    test, labels = pictures_of_test(subject, as_model=True)
    if labels is None or sampler.classes is None:
        raise UnusableData(f"{subject.data} or the model has no labels, which 1-NN compares")
    drawn = sampler.sampled(settings.samples, subject.seed)
    drawn_labels = torch.tensor(sampler.labels(range(settings.samples)))
    error = 100 * nearest_class_error(test, labels, drawn, drawn_labels)
    measure = "one_nearest_neighbour_error_percent"
    return Measured(
        rows=(Row(subject.model.name, {measure: error}),),
        headings={measure: "1-NN error, %"},
        spread="",
        notes=(f"{len(test):,} test pictures, the nearest of {settings.samples:,} samples",),
    )


def denton_2015(subject: Subject) -> Measured:
    """Denton et al. 2015, section 5: Parzen likelihood of a LAPGAN and of a plain GAN beside it.

    Both are measured on the same pictures, at the size and in the units of the LAPGAN; larger
    samples of the plain GAN are cropped to their middle.
    """
    generator = subject.model.released()
    if not isinstance(generator, LaplacianGenerator) or subject.baseline is None:
        raise UnusableData("the test of Denton et al. 2015 is of a pyramid beside another model")
    device = subject.device
    units = generator.to(device).units
    test, _ = pictures_of_test(subject)
    choosing, _ = held_out_pictures(subject, CHOOSING)
    test_values, choosing_values = (
        units.encoded(images.to(device)).cpu() for images in (test, choosing)
    )
    network = efficientnet(device)
    rows, notes = [], []
    for trained in (subject.model, subject.baseline):
        count = subject.recipe.protocol_settings.samples
        drawn = subject.sampler(trained).sampled(count, subject.seed)
        drawn = _middle(drawn, (test.shape[2], test.shape[3]))
        samples = units.encoded(drawn.to(device)).cpu()
        found = parzen_likelihood(test_values, samples, choosing_values)
        scores = {"parzen_nats": found.nats}
        if network is not None:
            scores[FRECHET] = network_scores(network, test, drawn).frechet
        rows.append(Row(trained.name, scores, {"parzen_nats": found.standard_error_nats}))
        notes.append(f"{trained.name}: width {found.sigma:.3f}")
    return Measured(
        rows=(_with_levels(rows[0], subject, generator), *rows[1:]),
        headings={
            "parzen_nats": "Parzen log-likelihood, nats",
            "multiscale_parzen_nats": "multi-scale, nats",
            **({} if network is None else {FRECHET: f"FD ({network.name})"}),
        },
        spread="standard error over the test pictures",
        notes=(
            f"{len(test):,} test pictures of {test.shape[3]}x{test.shape[2]}, pixels "
            f"{units.units}; multi-scale: {PYRAMIDS_TESTED} of them, widths chosen on "
            f"{PYRAMIDS_CHOOSING}",
            *notes,
            *(
                []
                if network
                else ["FD is left out: EfficientNet-Lite0 is in the extra `benchmark`"]
            ),
        ),
    )


def _with_levels(row: Row, subject: Subject, generator: LaplacianGenerator) -> Row:
    """Return `row` with the likelihood by levels."""
    is_labelled = generator.classes is not None
    test, test_labels = pictures_of_test(subject, PYRAMIDS_TESTED, as_model=is_labelled)
    choosing, choosing_labels = held_out_pictures(subject, PYRAMIDS_CHOOSING, as_model=is_labelled)
    labels = None
    if is_labelled:
        assert test_labels is not None  # the data were trained on by class
        assert choosing_labels is not None
        labels = choosing_labels, test_labels
    found = multiscale_likelihood(
        generator,
        test,
        choosing,
        labels=labels,
        seed=subject.seed,
        is_blurred=subject.settings.blurred,
    )
    measure = "multiscale_parzen_nats"
    return Row(
        row.method,
        {**row.scores, measure: found.nats},
        {**row.spreads, measure: found.standard_error_nats},
    )


def _middle(images: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = images.shape[-2:]
    if height < size[0] or width < size[1]:
        raise UnusableData(
            f"samples are {width}x{height}, smaller than the pyramid's {size[1]}x{size[0]}"
        )
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return images[..., top : top + size[0], left : left + size[1]]
