"""The published configs of `predictor.networks.dcgan`."""

from predictor.networks.dcgan import DcganDiscriminatorConfig, DcganGeneratorConfig

_RELEASED = 1e-8  # added to variances

DCGAN_VARIANTS: dict[str, tuple[DcganGeneratorConfig, DcganDiscriminatorConfig]] = {
    "paper": (DcganGeneratorConfig(), DcganDiscriminatorConfig()),
    "torch": (
        DcganGeneratorConfig(maps=(512, 256, 128, 64), kernel=4, distribution="normal"),
        DcganDiscriminatorConfig(maps=(64, 128, 256, 512), kernel=4),
    ),
    "theano-faces": (
        DcganGeneratorConfig(is_normalized_per_unit=True, normalization_epsilon=_RELEASED),
        DcganDiscriminatorConfig(normalization_epsilon=_RELEASED),
    ),
    "theano-imagenet": (
        DcganGeneratorConfig(
            size=(32, 32),
            latent=256,
            maps=(512, 512, 256, 256, 128, 128),
            strides=(2, 1, 2, 1, 2, 1),
            kernel=3,
            is_normalized_per_unit=True,
            normalization_epsilon=_RELEASED,
        ),
        DcganDiscriminatorConfig(
            size=(32, 32),
            maps=(128, 128, 256, 256, 512, 512),
            strides=(1, 2, 1, 2, 1, 2),
            kernel=3,
            normalization_epsilon=_RELEASED,
        ),
    ),
    "theano-svhn": (
        DcganGeneratorConfig(
            size=(32, 32),
            distribution="normal",
            maps=(256, 128, 64),
            is_normalized_per_unit=True,
            normalization_epsilon=_RELEASED,
        ),
        DcganDiscriminatorConfig(
            size=(32, 32), maps=(64, 128, 256), normalization_epsilon=_RELEASED
        ),
    ),
}
"""The published pairs: the paper's for 64 x 64, Torch's, and three of the authors' Theano code."""
