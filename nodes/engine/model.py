"""The family of a MODEL, and its parametrisation of noise."""

import torch
from comfy.model_patcher import ModelPatcher

from ...guidance.families import FAMILIES, Family
from ...guidance.prediction import Prediction
from .architectures import ARCHITECTURES


def family_of(model: ModelPatcher) -> Family:
    """The family of a MODEL.

    Raises:
        ValueError: it is none that guidance knows.
    """
    network = model.get_model_object("diffusion_model")
    for architecture in ARCHITECTURES:
        family = architecture.match(network)
        if family is not None:
            return family
    config = type(model.model.model_config).__name__
    found = ", ".join(dict.fromkeys(each.described(network) for each in ARCHITECTURES))
    titles = "; ".join(family.title for family in FAMILIES)
    raise ValueError(
        f"this model ({config}) is of no supported family ({found}); supported are: {titles}. Load "
        "a checkpoint of one of these"
    )


def prediction_of(model: ModelPatcher) -> Prediction:
    """The parametrisation of a MODEL, from the result of its own noise scaling.

    Raises:
        ValueError: it is none of `Prediction`.
    """
    sampling = model.get_model_object("model_sampling")
    sigma, picture, noise = torch.tensor([0.25]), torch.full((1, 1), 1.0), torch.full((1, 1), 16.0)
    mixed = float(sampling.noise_scaling(sigma, noise, picture))
    scaled = float(sampling.calculate_input(sigma, torch.full((1, 1), mixed)))
    if mixed == 0.25 * 16 + 1 and scaled != mixed:
        return Prediction.VARIANCE
    if mixed == 0.25 * 16 + 0.75:
        return Prediction.FLOW
    raise ValueError(
        "guidance corrects models that remove noise step by step, but the sampling of this model "
        f"({', '.join(base.__name__ for base in type(sampling).__bases__)}) adds or expects none: "
        "it turns one picture into another. Sample it without guidance (strength 0)"
    )
