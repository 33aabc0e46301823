"""How a model's input is composed of picture and noise."""

from enum import Enum

from torch import Tensor

# Lower bound of 1 - sigma, by which the step of flow matching is divided; 0 at the first step.
FLOW_FLOOR = 0.1


class Prediction(Enum):
    """How a model's input x is composed of the clean latent D and noise."""

    VARIANCE = "x = D + sigma eps (EPS and V models of ComfyUI)"
    FLOW = "x = (1 - sigma) D + sigma n"

    def reach(self, level: Tensor) -> Tensor:
        """How far D moves when the noise does by 1, at constant x; bounded for flow matching.

        Args:
            level: sigma, of any shape.
        """
        return level / (1 - level).clamp(min=FLOW_FLOOR) if self is Prediction.FLOW else level

    def picture(self, sigma: float) -> float:
        """How much picture there is in x beside noise of standard deviation 1."""
        return (1 - sigma) / sigma if self is Prediction.FLOW else 1 / sigma
