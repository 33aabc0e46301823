"""What a model predicts and how its input is mixed: the guided step is right for each, or refused.

The models are ComfyUI's own nodes put on a small UNet.
"""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran

# the node's class in `nodes_model_advanced`, its method, its inputs
NODES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "eps": ("ModelSamplingDiscrete", ("eps", False)),
    "eps ztsnr": ("ModelSamplingDiscrete", ("eps", True)),
    "v_prediction": ("ModelSamplingDiscrete", ("v_prediction", False)),
    "v_prediction ztsnr": ("ModelSamplingDiscrete", ("v_prediction", True)),
    "lcm": ("ModelSamplingDiscrete", ("lcm", False)),
    "x0": ("ModelSamplingDiscrete", ("x0", False)),
    "edm v_prediction": ("ModelSamplingContinuousEDM", ("v_prediction", 120.0, 0.002)),
    "edm": ("ModelSamplingContinuousEDM", ("edm", 120.0, 0.002)),
    "edm playground": ("ModelSamplingContinuousEDM", ("edm_playground_v2.5", 80.0, 0.002)),
    "edm eps": ("ModelSamplingContinuousEDM", ("eps", 120.0, 0.002)),
    "cosmos_rflow": ("ModelSamplingContinuousEDM", ("cosmos_rflow", 80.0, 0.002)),
    "continuous v": ("ModelSamplingContinuousV", ("v_prediction", 500.0, 0.03)),
    "flow SD3": ("ModelSamplingSD3", (3.0,)),
    "flow AuraFlow": ("ModelSamplingAuraFlow", (1.73,)),
    "flow Flux": ("ModelSamplingFlux", (1.15, 0.5, 1024, 1024)),
    "cascade schedule": ("ModelSamplingStableCascade", (2.0,)),
}
REFUSED = ("img_to_img", "img_to_img_flow")
each = pytest.mark.parametrize("name", NODES)


@pytest.fixture(scope="module")
def plain_model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


@pytest.fixture(scope="module")
def exact(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes", dtype=torch.float64)


def patched(model: Any, node: str, *inputs: Any) -> Any:
    import comfy_extras.nodes_model_advanced

    kind = getattr(comfy_extras.nodes_model_advanced, node)
    names = [name for name in kind.INPUT_TYPES()["required"] if name != "model"]
    return ran(kind, model=model, **dict(zip(names, inputs, strict=True)))[0]


def made(model: Any, name: str) -> Any:
    node, inputs = NODES[name]
    return patched(model, node, *inputs)


@pytest.mark.parametrize(
    "node", ["ModelSamplingDiscrete", "ModelSamplingContinuousEDM", "ModelSamplingContinuousV"]
)
def test_no_parametrisation_of_the_host_is_forgotten(comfy: Any, node: str) -> None:
    import comfy_extras.nodes_model_advanced

    inputs = getattr(comfy_extras.nodes_model_advanced, node).INPUT_TYPES()
    tested = {values[0] for kind, values in NODES.values() if kind == node}
    assert set(inputs["required"]["sampling"][0]) <= tested | set(REFUSED)


@pytest.mark.compat("Models", "Model sampling: {name}")
@each
def test_the_raw_step_is_the_exact_posterior_of_a_gaussian(plain_model: Any, name: str) -> None:
    """Pictures d ~ N(0, 1), input x as the host mixes it, an observation y of d with noise: with
    -log p(y | x) as energy, the corrected prediction is the mean of d given x and y."""
    from selfguidance.guidance.pace import Schedule
    from selfguidance.guidance.plan import Plan
    from selfguidance.nodes.engine.model import prediction_of

    model = made(plain_model, name)
    sampling = model.get_model_object("model_sampling")
    level, one, zero = torch.tensor([0.6]), torch.ones(1, 1), torch.zeros(1, 1)
    a = float(sampling.noise_scaling(level, zero.clone(), one.clone()))
    b = float(sampling.noise_scaling(level, one.clone(), zero.clone()))
    x, y, spread = 1.3, -0.4, 0.25
    known = a * x / (a * a + b * b)  # mean of d given x
    doubt = b * b / (a * a + b * b)  # its variance
    gradient = -(y - known) / (doubt + spread) * a / (a * a + b * b)
    schedule = Schedule(prediction=prediction_of(model))
    acting = Plan(strength=1.0, raw=True, schedule=schedule).at(0.6)
    denoised, slope = torch.tensor([[[[known]]]]), torch.tensor([[[[gradient]]]])
    step = denoised - acting.step(slope, {}, level)
    assert float(step) == pytest.approx(known + doubt / (doubt + spread) * (y - known), rel=1e-5)
    assert abs(float(step) - known) > 0.1


@pytest.mark.compat("Models", "Model sampling: {name}")
@each
def test_it_is_guided_and_left_alone_without_strength(
    lab: ModuleType, plain_model: Any, name: str
) -> None:
    model = made(plain_model, name)
    inputs = {"steps": 2, "latent_image": lab.latent(1, 8, 8)}
    plain = lab.plain(model, **inputs)
    assert torch.isfinite(plain).all()
    assert torch.equal(lab.guided(model, [lab.position()], 0.0, **inputs)[0], plain)
    guided, record = lab.guided(model, [lab.position()], **inputs)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert len(record.steps) == 2 and all(step.guided for step in record)


@pytest.mark.compat("Models", "Model sampling: {name}")
@each
def test_its_gradient_agrees_with_finite_differences(exact: Any, name: str) -> None:
    from selfguidance.tests.host.slopes import check_slope

    check_slope(made(exact, name), sigma=0.7, shape=(1, 4, 8, 8))


@pytest.mark.compat("Models", "Model sampling: {name}", refuses=True)
@pytest.mark.parametrize("name", REFUSED)
def test_what_removes_no_noise_is_refused_and_runs_unguided(
    lab: ModuleType, plain_model: Any, name: str
) -> None:
    import comfy_extras.nodes_model_advanced

    known = comfy_extras.nodes_model_advanced.ModelSamplingDiscrete.INPUT_TYPES()
    if name not in known["required"]["sampling"][0]:
        pytest.skip(f"this ComfyUI has no {name}")
    model = patched(plain_model, "ModelSamplingDiscrete", name, False)
    assert torch.equal(lab.guided(model, steps=1)[0], lab.plain(model, steps=1))
    with pytest.raises(ValueError, match=r"IMG_TO_IMG.*strength 0"):
        lab.guided(model, [lab.position()], steps=1)
