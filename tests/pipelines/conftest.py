"""A command line whose model predicts the made clips exactly."""

import pytest
from ended import Command, Ended
from made_clips import rolling

from pipelines.cli import run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process; the model is the rolling one, whatever its name."""
    monkeypatch.setattr("pipelines.frames.prediction.load", lambda *chosen: rolling())

    def ended(*arguments: object) -> Ended:
        code = run([str(argument) for argument in arguments])
        said = capfd.readouterr()
        assert "Traceback" not in said.err or "--debug" in arguments
        return Ended(code, said.out, said.err)

    return ended
