"""How a command line ended, for tests to look at."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Everything on stdout as the one JSON document that it is to be."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def error_lines(self) -> list[str]:
        """What stderr says, without warnings and notes on what was done."""
        return [line for line in self.err.splitlines() if line.startswith("predictor: ")]


Command = Callable[..., Ended]
