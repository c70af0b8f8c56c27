"""Videos in, predicted videos out: all of `predictor frames`."""
