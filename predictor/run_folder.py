"""The files by which a folder is known to be a training run."""

RUN_FILE = "run.json"
"""Its system, settings and data; there once the run has begun."""

LOCK_FILE = "run.lock"
"""Held by the process that trains; there from the first moment on."""
