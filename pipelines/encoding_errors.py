"""Errors about how a video is encoded, with the name of the video that they are about."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import SettingsError, UnsupportedCodec


@contextlib.contextmanager
def naming(source: Path) -> Iterator[None]:
    """Let errors about how a video is encoded begin with its name, which they do not know."""
    try:
        yield
    except UnsupportedCodec as error:
        raise UnsupportedCodec(f"{source}: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error
