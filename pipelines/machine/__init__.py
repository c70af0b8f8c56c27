"""What this installation is and has: `predictor doctor` and `predictor models`."""
