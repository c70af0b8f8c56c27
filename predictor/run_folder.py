"""The names by which a folder is known to be a training run."""

RUN_FILE = "run.json"
"""Its system, settings and data; there once the run has begun."""

CHECKPOINTS = "checkpoints"
"""The folder of its states."""

LOG_FILE = "log.jsonl"
"""Its settings, then its reports, one a line."""

LOCK_FILE = "run.lock"
"""Held by the process that trains; there from the first moment on."""
