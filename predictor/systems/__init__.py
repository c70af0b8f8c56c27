"""Adversarial systems: one method a file, each as networks and phases."""
