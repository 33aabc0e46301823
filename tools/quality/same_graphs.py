"""Graphs of `nox -s same` beside the example workflows, in ComfyUI's API form.

Omitted inputs get the defaults of the server that runs the graph.
"""

from typing import Any

Graph = dict[str, Any]

# The first edits of `nox -s report` for each of its prompts: prompt, seed, and the displacement
# downwards of the first object as a fraction of the height, or the factor of its area.
MOVES = (
    ("a red circle and a blue square", 0, -0.342),
    ("a yellow star and a purple heart", 0, -0.18),
    ("a green triangle and an orange circle", 0, -0.304),
    ("a blue heart and a red star", 0, 0.395),
    ("a purple square and a green circle", 1, -0.374),
    ("an orange triangle and a yellow square", 2, 0.285),
    ("a red heart and a green star", 0, -0.16),
    ("a blue circle and a yellow triangle", 3, 0.264),
)
RESIZES = (
    ("a red circle and a blue square", 0, 1.559),
    ("a yellow star and a purple heart", 0, 1.178),
    ("a green triangle and an orange circle", 0, 1.316),
    ("a blue heart and a red star", 0, 1.244),
    ("a purple square and a green circle", 1, 0.791),
    ("an orange triangle and a yellow square", 0, 1.351),
    ("a red heart and a green star", 0, 0.947),
    ("a blue circle and a yellow triangle", 2, 1.481),
)
SIZE = {"width": 128, "height": 128}
SAMPLING = {"steps": 25, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal"}


def node(node_type: str, **inputs: Any) -> Graph:
    """One node; an input is a value or a link: key of a node and index of its output."""
    return {"class_type": node_type, "inputs": inputs}


def edits() -> dict[str, Graph]:
    """The edits of the report, by name."""
    moves = {
        f"move_{number}": edit(prompt, seed, "SelfGuidanceMoveObject", dx=0.0, dy=dy)
        for number, (prompt, seed, dy) in enumerate(MOVES)
    }
    return moves | {
        f"resize_{number}": edit(prompt, seed, "SelfGuidanceResizeObject", scale=scale)
        for number, (prompt, seed, scale) in enumerate(RESIZES)
    }


def edit(prompt: str, seed: int, recipe: str, **change: float) -> Graph:
    """A graph that draws a picture and edits the first object of its prompt."""
    graph = _reference(prompt, seed)
    thing = " ".join(prompt.split()[1:3])
    graph["terms"] = node(recipe, object=thing, reference=["record", 1], **change)
    graph["edited"] = node("SelfGuidanceKSampler", **_sampler(seed), terms=["terms", 0])
    graph["picture"] = node("VAEDecode", samples=["edited", 0], vae=["model", 2])
    return graph


def front_ends() -> Graph:
    """The same terms in our KSampler, in our Guider, and in ComfyUI's KSampler by our Apply."""
    seed = 3
    graph = edit("a red circle and a blue square", seed, "SelfGuidanceMoveObject", dx=0.3)
    request = {"strength": 1.0, "terms": ["terms", 0]}
    texts = {"positive": ["positive", 0], "negative": ["negative", 0]}
    model = ["model", 0]
    graph |= {
        "noise": node("RandomNoise", noise_seed=seed),
        "sampler": node("KSamplerSelect", sampler_name="euler"),
        "sigmas": node("BasicScheduler", model=model, scheduler="normal", steps=25, denoise=1.0),
        "guider": node("SelfGuidanceGuider", model=model, **texts, cfg=4.0, **request),
        "custom": node(
            "SamplerCustomAdvanced",
            noise=["noise", 0],
            guider=["guider", 0],
            sampler=["sampler", 0],
            sigmas=["sigmas", 0],
            latent_image=["latent", 0],
        ),
        "applied": node("SelfGuidanceApply", model=model, **request),
        "plain": node("KSampler", **_sampler(seed) | {"model": ["applied", 0]}),
    }
    return graph


def _reference(prompt: str, seed: int) -> Graph:
    return {
        "model": node("SelfGuidanceDemoModel"),
        "positive": node("SelfGuidancePrompt", clip=["model", 1], text=prompt),
        "negative": node("SelfGuidancePrompt", clip=["model", 1], text=""),
        "latent": node("EmptyLatentImage", **SIZE, batch_size=1),
        "record": node("SelfGuidanceKSampler", **_sampler(seed)),
    }


def _sampler(seed: int) -> dict[str, Any]:
    return {
        **SAMPLING,
        "seed": seed,
        "denoise": 1.0,
        "model": ["model", 0],
        "positive": ["positive", 0],
        "negative": ["negative", 0],
        "latent_image": ["latent", 0],
    }
