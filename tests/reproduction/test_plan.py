"""A reproduction is planned in a folder of its own, or in one that it was interrupted in."""

from pathlib import Path

import pytest

from predictor.errors import OutputExists
from predictor.recipes import load_recipe
from predictor.reproduction.plan import PLAN_FILE, planned
from predictor.run_folder import RUN_FILE


def plan_in(folder: Path) -> None:
    recipe = load_recipe("gan-mnist")
    planned(folder, recipe, folder / "d.npz", seeds=1, budget_s=None, changes={})


def test_interrupted_planning_is_resumed(tmp_path: Path) -> None:
    """It leaves decoded data in the folder of a run that has not begun."""
    (tmp_path / "gan-mnist-seed-0").mkdir()
    (tmp_path / "gan-mnist-seed-0/images-train.bin").write_bytes(b"half")
    plan_in(tmp_path)
    assert (tmp_path / PLAN_FILE).is_file()


@pytest.mark.parametrize("found", ["letter.txt", f"gan-mnist-seed-0/{RUN_FILE}", "other-seed-0/a"])
def test_a_folder_with_other_content_is_refused(found: str, tmp_path: Path) -> None:
    (tmp_path / found).parent.mkdir(exist_ok=True)
    (tmp_path / found).write_text("dear")
    with pytest.raises(OutputExists, match="holds something else"):
        plan_in(tmp_path)
