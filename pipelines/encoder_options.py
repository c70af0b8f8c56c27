"""How a video is to be encoded, from the options of a command."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from predictor.errors import SettingsError

if TYPE_CHECKING:
    from predictor.media.encoding import EncodingOptions


def parsed_encoder_options(pairs: Sequence[str]) -> dict[str, str]:
    """Return `pairs` of ``key=value`` as a dictionary. Raises `SettingsError` for anything else."""
    options = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not (key and separator):
            raise SettingsError(f"--encoder-option is {pair!r}, expected key=value")
        options[key] = value
    return options


def encoding_options(
    codec: str | None, crf: int | None, pairs: Sequence[str], lossless: bool
) -> "EncodingOptions":
    """Return the options `codec`, `crf`, ``encoder_option`` (`pairs`) and `lossless` of a command.

    Raises `UnsupportedCodec` for a codec that cannot be encoded here, and `SettingsError`.
    """
    from predictor.media.encoders import encoder_for
    from predictor.media.encoding import EncodingOptions

    if lossless and crf is not None:
        raise SettingsError("lossless and crf exclude each other: a lossless video has no crf")
    if codec is not None:
        encoder_for(codec)
    return EncodingOptions(codec, crf, lossless, parsed_encoder_options(pairs))
