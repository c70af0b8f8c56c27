"""What ``--help`` must tell somebody who has not read anything else."""

from typing import Any

import pytest
import typer.main

from pipelines.cli import app
from predictor.systems import SYSTEMS

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined] # the root is a group


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_is_explained_in_a_sentence(name: str) -> None:
    command = COMMANDS[name]
    assert command.help.split("\n\n")[0].endswith(".")
    for parameter in command.params:
        assert (parameter.help or "").endswith("."), parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_value_that_is_to_be_given_has_a_name_of_its_own(name: str) -> None:
    """Not that of its type, such as ``<str>``: the help refers to the values by these names."""
    for parameter in COMMANDS[name].params:
        is_flag = getattr(parameter, "is_flag", False)
        assert is_flag or parameter.metavar or parameter.name == "way", parameter.name


def test_all_systems_are_named() -> None:
    (system,) = (each for each in COMMANDS["train"].params if each.name == "system")
    assert all(name in system.help for name in SYSTEMS)
