"""How published results were tested, by the name that a recipe gives its protocol."""

from predictor.analysis.mathieu_protocol import measured_as_mathieu

PROTOCOLS = {"mathieu-2016": measured_as_mathieu}
