"""Pillow's own limit on the size of pictures, which does not count here."""

import contextlib
import threading
import warnings
from collections.abc import Iterator

import PIL.Image

_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def pillow_without_limit() -> Iterator[None]:
    """Let Pillow open and decode pictures of any size in this block, without warnings.

    Its own limit is one for the whole process, and names no remedy.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit
