"""What a command may write over: never what it reads."""

import os
from collections.abc import Iterable
from pathlib import Path

from predictor.errors import OutputIsInput
from predictor.whole_files import is_same_file, require_free


def require_output(output: Path, overwrite: bool, inputs: Iterable[str | Path]) -> None:
    """Raise if writing the file `output` would lose something.

    `OutputIsInput` where it is one of `inputs`, or a file of data or weights in the folder that is
    one; `OutputExists` where it is there already, without `overwrite`; `OutputNotWritten` where a
    folder has its name. An input may be the name of a bundled model.
    """
    require_free(output, overwrite=True)  # a folder: said as such, not as an input
    for source in map(Path, inputs):
        if is_same_file(output, source) or _is_read_in(output, source):
            raise OutputIsInput(f"-o {output} is read by this command ({source}); choose another")
    require_free(output, overwrite)


def _is_read_in(output: Path, folder: Path) -> bool:
    if not (os.path.isfile(output) and os.path.isdir(folder)):
        return False
    if Path(os.path.realpath(folder)) not in Path(os.path.realpath(output)).parents:
        return False
    from predictor.data.image_archives import ARCHIVE_SUFFIXES
    from predictor.data.image_arrays import is_idx_name
    from predictor.media.images import is_image_path, is_video_path
    from predictor.model_files import SUFFIX

    name = output.name.lower()
    if name.endswith(".npz"):  # the data, or features of the pictures beside it
        return not any(map(is_image_path, folder.rglob("*")))
    is_array = name.endswith((".mat", ".bin", SUFFIX, *ARCHIVE_SUFFIXES)) or is_idx_name(name)
    return is_array or is_image_path(output) or is_video_path(output)
