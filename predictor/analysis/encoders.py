"""Loading the encoder of a model, the network in it whose features are used."""

import os
from pathlib import Path

from predictor.analysis.features import ImageEncoder, require_encoder
from predictor.model_files import find_model
from predictor.theano_weights import holds_theano_weights, read_theano_discriminator
from predictor.weights import load_network_of


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
    network, metadata = load_network_of(ImageEncoder, find_model(name))
    return require_encoder(network, name), metadata.short_side
