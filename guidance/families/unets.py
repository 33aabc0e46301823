"""UNets with cross-attention; see `nodes/engine/architectures/unet.py` for their sites."""

from .family import Family

UNETS = (
    Family(
        name="shapes",
        title="Shapes (the bundled demo model)",
        architecture="unet",
        network=((1, 1, 1, 1), None),
        sites=(("output", 2, 0), ("output", 3, 0)),
        feature_place=3,
        graph_kib=(22, 22),
        evidence="measured: the two 16 x 16 decoder sites localise best; with the first alone a "
        "step costs a tenth less, but layouts of other pictures and masks are followed less well",
    ),
    Family(
        name="sd15",
        title="Stable Diffusion 1.x",
        architecture="unet",
        network=((0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), False),
        sites=(("output", 3, 0), ("output", 4, 0), ("output", 5, 0)),
        feature_place=11,
        graph_kib=(84, 164),
        evidence="16 x 16 decoder sites; penultimate decoder layer as in the paper; not measured "
        "here",
    ),
    Family(
        name="sd2",
        title="Stable Diffusion 2.x",
        architecture="unet",
        network=((0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), True),
        sites=(("output", 3, 0), ("output", 4, 0), ("output", 5, 0)),
        feature_place=11,
        graph_kib=(79, 155),
        evidence="as for Stable Diffusion 1.x; not measured here",
    ),
    Family(
        name="sdxl",
        title="Stable Diffusion XL",
        architecture="unet",
        network=((1, 1, 1, 1, 1, 1, 0, 0, 0), None),
        sites=(("output", 1, 1), ("output", 1, 2), ("output", 1, 3)),
        feature_place=8,
        graph_kib=(191, 314),
        evidence="the authors' SDXL notebook; penultimate decoder layer as in the paper; not "
        "measured here",
    ),
)
