"""What Pillow raises for files that are damaged or cut off, in words for a person."""

import struct

import PIL.Image

from predictor.errors import UnreadableImage

DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    RuntimeError,
    struct.error,
    PIL.Image.DecompressionBombError,
)
"""What Pillow raises for damaged files."""

_CUT_OFF = ("truncated", "not enough image data", "unexpected end", "eof")
_UNDECODED = ("decoder", "failed to decode", "broken data stream")


def not_whole(name: object, error: Exception) -> UnreadableImage:
    """Return what to raise for the picture `name`, at whose decoding Pillow raised `error`."""
    said = str(error).lower()
    reason = str(error)
    if any(words in said for words in _CUT_OFF):
        reason = "it was cut off"
    elif not said or (any(words in said for words in _UNDECODED) and "not available" not in said):
        reason = "its data are damaged"
    return UnreadableImage(f"{name} is not a whole picture: {reason}")
