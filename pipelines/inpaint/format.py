"""The format that a photograph is written in, as asked for or as the name of the output says."""

from pathlib import Path
from typing import TYPE_CHECKING

from predictor.errors import SettingsError

if TYPE_CHECKING:
    from predictor.media.photographs.photograph import Format

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}
"""What the outputs of a batch are called."""

# fmt: off
_FORMAT_OF: dict[str, "Format"] = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".webp": "webp",
    ".tif": "tiff", ".tiff": "tiff",
}
# fmt: on


def format_of_output(output: Path, source: Path, asked: "Format" = "keep") -> "Format":
    """Return the format that `output` is named after; ``"keep"`` where that is the one of `source`.

    What is `asked` for stands where the names agree. Raises `SettingsError` where `output` is named
    like neither that nor any format that is written.
    """
    before, after = source.suffix.lower(), output.suffix.lower()
    meant = _FORMAT_OF.get(after)
    if asked not in ("keep", meant):
        raise SettingsError(f"-o {output} is not named like --format {asked}")
    if after == before or meant == _FORMAT_OF.get(before, ""):
        return asked
    if meant is None:
        no_folder = "" if after else "no such folder, and for a file "
        raise SettingsError(
            f"-o {output}: {no_folder}expected the input's {before or 'name without a suffix'}, or "
            f"one of {', '.join(_FORMAT_OF)}"
        )
    return meant
