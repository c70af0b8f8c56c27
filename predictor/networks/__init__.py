"""Networks of every system; settings and weights files name them by the keys of `NETWORKS`."""

from typing import Any

from torch import nn

from predictor.networks.classifier import Classifier, ClassifierConfig
from predictor.networks.context_encoder import (
    ContextDiscriminator,
    ContextDiscriminatorConfig,
    ContextEncoder,
    ContextEncoderConfig,
)
from predictor.networks.convolutional_classifier import (
    ConvolutionalClassifier,
    ConvolutionalClassifierConfig,
)
from predictor.networks.dcgan import (
    DcganDiscriminator,
    DcganDiscriminatorConfig,
    DcganGenerator,
    DcganGeneratorConfig,
)
from predictor.networks.dense_classifier import DenseClassifier, DenseClassifierConfig
from predictor.networks.dense_discriminator import DenseDiscriminator, DenseDiscriminatorConfig
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.feature_encoder import FeatureEncoder, FeatureEncoderConfig
from predictor.networks.infogan import (
    InfoganDiscriminator,
    InfoganDiscriminatorConfig,
    InfoganGenerator,
    InfoganGeneratorConfig,
)
from predictor.networks.inpainting import (
    InpaintingConfig,
    InpaintingDiscriminator,
    InpaintingDiscriminatorConfig,
    InpaintingNetwork,
)
from predictor.networks.labelled_convolutions import (
    LabelledConvolutionsConfig,
    LabelledDiscriminator,
    LabelledGenerator,
)
from predictor.networks.laplacian import (
    LaplacianDiscriminator,
    LaplacianDiscriminatorConfig,
    LaplacianGenerator,
    LaplacianGeneratorConfig,
)
from predictor.networks.laplacian_detail import (
    DetailDiscriminator,
    DetailDiscriminatorConfig,
    DetailGenerator,
    DetailGeneratorConfig,
)
from predictor.networks.laplacian_large import (
    LargeDetailDiscriminatorConfig,
    LargeDetailGeneratorConfig,
)
from predictor.networks.motion import MotionConfig, MotionNetwork
from predictor.networks.multiscale import (
    MultiscaleConfig,
    MultiscaleDiscriminators,
    MultiscaleDiscriminatorsConfig,
    MultiscaleGenerator,
)
from predictor.networks.normalized_generator import (
    NormalizedConvolutionalGenerator,
    NormalizedConvolutionalGeneratorConfig,
    NormalizedDenseGenerator,
    NormalizedDenseGeneratorConfig,
)
from predictor.networks.patch import PatchDiscriminators, PatchDiscriminatorsConfig

NETWORKS: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "classifier": (ClassifierConfig, Classifier),
    "context-discriminator": (ContextDiscriminatorConfig, ContextDiscriminator),
    "context-encoder": (ContextEncoderConfig, ContextEncoder),
    "convolutional-classifier": (ConvolutionalClassifierConfig, ConvolutionalClassifier),
    "dcgan": (DcganGeneratorConfig, DcganGenerator),
    "dcgan-discriminator": (DcganDiscriminatorConfig, DcganDiscriminator),
    "dense-classifier": (DenseClassifierConfig, DenseClassifier),
    "dense-discriminator": (DenseDiscriminatorConfig, DenseDiscriminator),
    "dense-generator": (DenseGeneratorConfig, DenseGenerator),
    "detail-discriminator": (DetailDiscriminatorConfig, DetailDiscriminator),
    "detail-generator": (DetailGeneratorConfig, DetailGenerator),
    "feature-encoder": (FeatureEncoderConfig, FeatureEncoder),
    "infogan": (InfoganGeneratorConfig, InfoganGenerator),
    "infogan-discriminator": (InfoganDiscriminatorConfig, InfoganDiscriminator),
    "inpainting": (InpaintingConfig, InpaintingNetwork),
    "inpainting-discriminator": (InpaintingDiscriminatorConfig, InpaintingDiscriminator),
    "labelled-discriminator": (LabelledConvolutionsConfig, LabelledDiscriminator),
    "labelled-generator": (LabelledConvolutionsConfig, LabelledGenerator),
    "laplacian-discriminator": (LaplacianDiscriminatorConfig, LaplacianDiscriminator),
    "laplacian-generator": (LaplacianGeneratorConfig, LaplacianGenerator),
    "large-detail-discriminator": (LargeDetailDiscriminatorConfig, DetailDiscriminator),
    "large-detail-generator": (LargeDetailGeneratorConfig, DetailGenerator),
    "motion": (MotionConfig, MotionNetwork),
    "multiscale": (MultiscaleConfig, MultiscaleGenerator),
    "multiscale-discriminators": (MultiscaleDiscriminatorsConfig, MultiscaleDiscriminators),
    "normalized-convolutional-generator": (
        NormalizedConvolutionalGeneratorConfig,
        NormalizedConvolutionalGenerator,
    ),
    "normalized-dense-generator": (NormalizedDenseGeneratorConfig, NormalizedDenseGenerator),
    "patch-discriminators": (PatchDiscriminatorsConfig, PatchDiscriminators),
}
"""Config and module by name; ``module(config)`` builds the network."""
