"""Loading the encoder of a model, the network in it whose features are used."""

import os
from pathlib import Path

from predictor.analysis.features import ImageEncoder, require_encoder
from predictor.model_files import companion_file, find_model
from predictor.theano_weights import holds_theano_weights, read_theano_discriminator
from predictor.weights import load_network

DISCRIMINATOR = "discriminator"


def load_encoder(name_or_file: str | os.PathLike[str]) -> tuple[ImageEncoder, int | None]:
    """Return the encoder of a model, and the length that shorter sides are resized to for it.

    The model is a bundled one, a weights file, a model folder, or a folder with the arrays that
    Radford et al. released. Its encoder is the network that people run, or the discriminator that
    was released with it. The length is None where pictures are resized no further than needed.
    Raises `UnknownModel`, also for a model without an encoder, and `DamagedWeights`.
    """
    name = os.fspath(name_or_file)
    if holds_theano_weights(Path(name)):
        return read_theano_discriminator(Path(name)), None
    path = find_model(name)
    network, metadata = load_network(path)
    if not isinstance(network, ImageEncoder) and companion_file(path, DISCRIMINATOR).is_file():
        network, metadata = load_network(companion_file(path, DISCRIMINATOR))
    return require_encoder(network, name), metadata.short_side
