"""The numbers that this tool promises, measured on this machine: `predictor benchmark`."""
