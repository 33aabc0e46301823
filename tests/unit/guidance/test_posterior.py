"""The raw step with the paper's scale 1 is Bayes' rule, where Bayes' rule has a closed form."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.prediction import Prediction
from selfguidance.guidance.terms.base import EnergyTerm
from selfguidance.tests.unit.guidance.toys import SITE, TABLE, always
from torch import Tensor

MEAN, VARIANCE = 0.4, 1.7  # of the pictures, a Gaussian in every pixel
ERROR = 0.6  # variance of the observation


def signal(sigma: float, prediction: Prediction) -> float:
    """Factor of the picture in the model's input."""
    return 1 - sigma if prediction is Prediction.FLOW else 1.0


def posterior(x: Tensor, sigma: float, prediction: Prediction) -> tuple[Tensor, float]:
    """Mean and variance of the picture behind x = signal * picture + sigma * noise."""
    a = signal(sigma, prediction)
    variance = 1 / (1 / VARIANCE + a**2 / sigma**2)
    return variance * (MEAN / VARIANCE + a * x / sigma**2), variance


@dataclass(frozen=True, kw_only=True)
class Observation(EnergyTerm):
    """-log p(y | x) of a noisy look y at the picture, up to a constant."""

    y: Tensor
    variance: float

    def __call__(self, seen: Properties) -> Tensor:
        # p(y | x) is a Gaussian about the denoised prediction
        distance = (self.y - seen.maps[SITE]).square().flatten(1).sum(1)
        return distance / (2 * (self.variance + ERROR))


@pytest.mark.parametrize(
    ("prediction", "sigmas"),
    [(Prediction.VARIANCE, (0.05, 30.0)), (Prediction.FLOW, (0.05, 0.89))],
    ids=["variance", "flow"],
)
@given(data=st.data())
def test_guiding_by_a_likelihood_gives_the_exact_posterior_mean(
    prediction: Prediction, sigmas: tuple[float, float], data
) -> None:
    sigma = data.draw(st.floats(*sigmas))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    x = (torch.randn(2, 3, 2, 4, generator=generator) * (1 + sigma)).requires_grad_()
    y = torch.randn(2, 3, 2, 4, generator=generator)

    denoised, variance = posterior(x, sigma, prediction)
    term = Observation(object="circle", y=y, variance=variance)
    acting = always(term, strength=1.0, raw=True).at(sigma, TABLE)
    gradient, energies = acting.gradient(Properties(sigma, TABLE, {SITE: denoised}), x)
    levels = torch.full((2,), sigma)
    guided = denoised.detach() - replace(acting, prediction=prediction).step(
        gradient, energies, levels
    )

    # two Gaussians about the picture: what x says and what y says
    exact = (denoised / variance + y / ERROR) / (1 / variance + 1 / ERROR)
    torch.testing.assert_close(guided, exact.detach(), atol=1e-5, rtol=1e-4)
