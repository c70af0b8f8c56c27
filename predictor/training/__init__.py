"""The one training loop: exact resume, checkpoints without pickle, averages, reports."""
