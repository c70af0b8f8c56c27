"""Videos in, predicted videos out: everything behind `predictor frames`."""
