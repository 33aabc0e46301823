"""One way to describe a node, on hosts that know search aliases and on those that do not."""

from dataclasses import fields
from typing import Any

from comfy_api.latest import io

# The method shares its name with others: the nodes that one could mistake for those say so, and
# are found by what they do and by the paper.
METHOD = ["layout control", "spatial control", "diffusion self-guidance", "2306.00986"]
NAMESAKES = (
    " Controls what stands where and how it looks (arXiv 2306.00986); it is neither the guidance "
    "for quality of the same name (arXiv 2412.05827), nor SAG, nor PAG."
)
# What else people call a node, by its id.
ALIASES: dict[str, list[str]] = {
    "SelfGuidanceDemoModel": ["toy model", "demo checkpoint", "tiny model", "test model"],
    "SelfGuidanceDemoPicture": ["shapes picture", "test picture", "example image"],
    "SelfGuidancePrompt": ["clip text encode", "prompt with objects", "text encode", "tokens"],
    "SelfGuidanceAddWords": ["token table", "name objects", "words of conditioning", "concat"],
    "SelfGuidanceKSampler": [*METHOD, "guided sampler", "sample with terms", "edit picture"],
    "SelfGuidanceGuider": [*METHOD, "cfg guider", "guider with terms"],
    "SelfGuidanceApply": [*METHOD, "patch model", "apply terms", "model patch"],
    "SelfGuidanceLayout": ["canvas", "drag and drop", "move objects", "arrange", "bounding box"],
    "SelfGuidanceMoveObject": ["drag object", "shift", "relocate", "reposition"],
    "SelfGuidanceResizeObject": ["scale object", "enlarge", "shrink", "bigger", "smaller"],
    "SelfGuidanceCopyObject": ["paste object", "transfer object", "compose", "collage"],
    "SelfGuidanceRemoveObject": ["erase object", "delete object", "object removal", "inpaint"],
    "SelfGuidanceImage": ["keep layout", "keep look", "style transfer", "reference image"],
    "SelfGuidanceRecordImage": ["edit photo", "real image", "inversion", "analyse photo"],
    "SelfGuidanceFeature": ["read look", "style vector", "colour and material"],
    "SelfGuidanceFitHead": ["readout", "train probe", "teach object", "segmentation head"],
    "SelfGuidancePosition": ["move to a point", "centroid", "where"],
    "SelfGuidanceSize": ["object area", "how large"],
    "SelfGuidanceShape": ["outline", "silhouette", "rotate object"],
    "SelfGuidanceAppearance": ["look", "colour", "material", "style of object"],
    "SelfGuidanceMask": ["paint with words", "place by mask", "preserve region", "regional"],
    "SelfGuidanceBox": ["bounding box", "boxdiff", "layout to image", "gligen", "regional"],
    "SelfGuidancePresence": ["attend and excite", "missing object", "forgotten object"],
    "SelfGuidanceCombine": ["merge terms", "add terms", "group terms"],
    "SelfGuidanceAttentionPreview": ["attention map", "heatmap", "daam", "cross-attention"],
    "SelfGuidanceEnergyPlot": ["loss curve", "debug guidance", "energy curve"],
    "SelfGuidanceSaveRecord": ["export record"],
    "SelfGuidanceLoadRecord": ["import record"],
    "SelfGuidanceSaveHead": ["export head"],
    "SelfGuidanceLoadHead": ["import head"],
}


def schema(node_id: str, **more: Any) -> io.Schema:
    """The schema of a node, with its search aliases where the host has a place for them.

    Args:
        node_id: never changes, workflows hold it.
        more: the other fields of io.Schema.
    """
    aliases = ALIASES[node_id]
    if "search_aliases" in {field.name for field in fields(io.Schema)}:
        more["search_aliases"] = aliases
    return io.Schema(node_id=node_id, **more)
