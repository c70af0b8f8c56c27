"""Where the files of a model lie: bundled ones by name, others by path.

A model is a folder ``NAME`` with ``NAME.safetensors``, its companions, such as
``NAME.discriminator.safetensors``, and the model card. The folders of bundled models lie in
``predictor/_models`` of an installed package and in ``models`` of a checkout.
"""

import difflib
import glob
import os
from importlib import resources
from pathlib import Path

from predictor.errors import UnknownModel
from predictor.run_folder import CHECKPOINTS, RUN_FILE

SUFFIX = ".safetensors"

DISCRIMINATOR = "discriminator"
"""The companion that judges pictures, classifies them, or reads codes from them."""


RELEASED_ARRAYS = "discriminator_01.npy"
"""The file by which a folder of released arrays is known; see `predictor.theano_weights`."""


def bundled_models() -> dict[str, Path]:
    """Return the weights files that are bundled with this package, by model name."""
    package = Path(str(resources.files("predictor")))
    installed, checkout = package / "_models", package.parent / "models"
    root = installed if installed.is_dir() else checkout
    files = sorted(root.glob(f"*/*{SUFFIX}"))
    return {file.stem: file for file in files if file.stem == file.parent.name}


def find_model(name_or_file: str | os.PathLike[str]) -> Path:
    """Return the weights file of a bundled model, or the file or model folder of that path.

    A bundled name wins over a path. Raises `UnknownModel` with the names there are, or with what
    makes a model of a run.
    """
    bundled = bundled_models()
    name = os.fspath(name_or_file)
    if name in bundled:
        return bundled[name]
    path = Path(name)
    if path.is_file():
        run = path.parent.parent
        if (run / RUN_FILE).is_file() and path.parent.name == CHECKPOINTS:
            raise UnknownModel(
                f"{name} is a checkpoint of a training run: predictor export {run} -o MODEL makes "
                "a model of it"
            )
        return path
    if path.is_dir():
        stems = [file.stem for file in path.glob(f"*{SUFFIX}")]
        heads = [stem for stem in stems if not any(stem.startswith(f"{o}.") for o in stems)]
        if len(heads) == 1:
            return path / f"{heads[0]}{SUFFIX}"
    if (path / RUN_FILE).is_file():
        raise UnknownModel(
            f"{name} is the folder of a training run: predictor export {name} -o MODEL makes a "
            "model of it"
        )
    if (path / RELEASED_ARRAYS).is_file():
        raise UnknownModel(
            f"{name} is a folder of the arrays that Radford et al. released, not a model file: "
            "predictor sample, features and probe take it"
        )
    near = difflib.get_close_matches(name, bundled, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownModel(
        f"no model {name!r}: no file of that name, bundled are {', '.join(bundled) or 'none'}{hint}"
    )


def companion_file(model: Path, part: str) -> Path:
    """Return the path of the network `part` of a model, given the file of the one people run."""
    return model.with_name(f"{model.stem}.{part}{SUFFIX}")


def companion_files(model: Path) -> dict[str, Path]:
    """Return the companions that lie beside the file `model`, by the name of their network."""
    beside = sorted(model.parent.glob(f"{glob.escape(model.stem)}.*{SUFFIX}"))
    return {path.name[len(model.stem) + 1 : -len(SUFFIX)]: path for path in beside}


def find_companion(model: Path, part: str) -> Path:
    """Return the file of the network `part` of a model; raises `UnknownModel` if it has none."""
    path = companion_file(model, part)
    if not path.is_file():
        raise UnknownModel(f"{model} was released without its {part}: there is no {path.name}")
    return path
