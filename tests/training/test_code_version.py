"""The code that trained is named by predictor's own checkout, and by no repository around it."""

import subprocess
from pathlib import Path

import pytest

from predictor import __version__
from predictor.training import code_version


def repository(folder: Path) -> Path:
    """Return a repository in which one file is committed and `.venv` is ignored."""
    module = folder / "code_version.py"
    module.touch()
    (folder / ".gitignore").write_text(".venv\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return module


def test_a_checkout_names_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = repository(tmp_path)
    monkeypatch.setattr(code_version, "__file__", str(module))
    found = code_version.code_version.__wrapped__()
    assert len(found) == 40
    module.write_text("changed")
    assert code_version.code_version.__wrapped__() == f"{found}-dirty"


def test_a_repository_around_an_installation_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path)
    installed = tmp_path / ".venv" / "code_version.py"
    installed.parent.mkdir()
    installed.touch()
    monkeypatch.setattr(code_version, "__file__", str(installed))
    assert code_version.code_version.__wrapped__() == f"predictor {__version__}"
