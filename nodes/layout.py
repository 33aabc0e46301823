"""The layout canvas: a node on which objects are dragged to their target places."""

from collections.abc import Mapping
from typing import Any

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..guidance.layout.boxes import assigned, boxed
from ..guidance.layout.canvas import VERSION, Layout, Place, brief
from ..guidance.layout.terms import layout_terms, measured
from ..guidance.maps.properties import mean_shape
from ..guidance.recipes.transform import RECIPE_WINDOW, Balance
from ..guidance.record.record import Record
from ..guidance.words.written import listed
from .recipes import WEIGHS, keep_inputs
from .ui.numbers import finite
from .ui.pictures import enlarged, heat, to_unit_range
from .ui.schema import schema
from .ui.types import (
    CATEGORY,
    BoxesIO,
    TermValues,
    reference_input,
    term_inputs,
    terms_output,
)

SIDE = 512  # pixels of the longer side of a picture drawn from attention


class _CanvasInput(io.String.Input):
    """Text that the page edits on the canvas of web/js/layout, or as text if it has none."""

    def as_dict(self) -> dict[str, Any]:
        """See the base class; `widgetType` selects the canvas."""
        return {**super().as_dict(), "widgetType": "SELF_GUIDANCE_LAYOUT"}


class LayoutCanvas(io.ComfyNode):
    """Move, resize, turn, free and add objects on a canvas."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceLayout",
            aliases=["canvas", "drag and drop", "move objects", "arrange", "bounding box"],
            display_name="Self-Guidance Layout",
            category=CATEGORY,
            description="A canvas over the reference's picture: drag its objects to where they "
            "shall be, then sample again with the same seed. Run once to see the picture. Objects "
            "that you do not touch stay.",
            inputs=[
                _CanvasInput(
                    "layout",
                    default="",
                    tooltip="Where each object goes: drag it there. Stored as JSON, which the help "
                    "page describes; empty, all objects stay.",
                ),
                *term_inputs(end=RECIPE_WINDOW.end, weighs=WEIGHS),
                reference_input(optional=True),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The reference's decoded picture, to show under the objects. Without "
                    "it the canvas shows where the model looked.",
                ),
                *keep_inputs(),
                *_box_inputs(),
            ],
            outputs=[terms_output()],
            is_output_node=True,
        )

    @classmethod
    @finite
    def execute(
        cls,
        layout: str,
        reference: Record | None = None,
        image: Tensor | None = None,
        keep_others: float = Balance.others,
        keep_background: float = Balance.rest,
        boxes: Any = None,
        box_objects: str = "",
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the terms, and send the reference's objects to the canvas."""
        values = TermValues(**shared)
        drawn = Layout.parse(layout)
        places = _places(drawn, boxes, box_objects, reference, image)
        added = layout_terms(
            boxed(drawn, places, reference),
            reference,
            values.weight,
            values.window,
            Balance(others=keep_others, rest=keep_background),
        )
        canvas = _canvas_message(cls, reference, image, places)
        return values.chained(*added, ui={"self_guidance_layout": [canvas]})


def _box_inputs() -> list[io.Input]:
    return [
        BoxesIO.Input(
            "boxes",
            optional=True,
            tooltip="Boxes in pixels of the image, from ComfyUI's Bounding Box or a detector: an "
            "object moves into its box, as large as fits, and a new one fills it. They win over "
            "the canvas.",
            extra_dict={"forceInput": True},  # no widget for one box where the page has it
        ),
        io.String.Input(
            "box_objects",
            default="",
            optional=True,
            tooltip="Whose boxes they are, such as 'red circle, blue square'. Empty: the labels of "
            "a detector; without labels, the canvas's objects in their order, but for locked and "
            "free ones.",
        ),
    ]


def _places(
    layout: Layout, boxes: Any, names: str, reference: Record | None, image: Tensor | None
) -> dict[str, Place]:
    """Boxes as fractions of the picture, by object."""
    if boxes is None:
        if listed(names):
            raise ValueError(
                f"boxes is missing: box_objects names {brief(names)}, but no box came; wire the "
                "boxes of these objects, or empty box_objects"
            )
        return {}
    if image is None:
        raise ValueError(
            "image is missing: boxes are in its pixels; wire the picture on which they were drawn, "
            "or one of its size"
        )
    height, width = image.shape[1:3]
    return assigned(layout, boxes, names, height, width, reference)


def _canvas_message(
    cls: type[io.ComfyNode],
    reference: Record | None,
    image: Tensor | None,
    boxes: Mapping[str, Place],
) -> dict[str, Any]:
    """What the canvas shows after a run: `canvas_facts`, and a picture that ComfyUI serves."""
    picture = image if image is not None else _attention_picture(reference)
    sent = canvas_facts(reference, boxes)
    if picture is not None:
        sent["aspect"] = picture.shape[2] / picture.shape[1]
        sent["image"] = ui.PreviewImage(picture[:1, ..., :3], cls=cls).as_dict()["images"][0]
    return sent


def canvas_facts(reference: Record | None, boxes: Mapping[str, Place]) -> dict[str, Any]:
    """What the canvas shows besides a picture: prompt, words, objects and boxes, as JSON values."""
    places = {} if reference is None else measured(reference)
    return {
        "version": VERSION,
        "prompt": "" if reference is None else reference.table.prompt,
        "words": [] if reference is None else list(dict.fromkeys(reference.table.words)),
        "objects": _entries(places),
        "boxes": _entries(boxes),
    }


def _entries(places: Mapping[str, Place]) -> list[dict[str, Any]]:
    return [
        {"phrase": phrase, **{k: round(v, 4) for k, v in vars(place).items()}}
        for phrase, place in places.items()
    ]


def _attention_picture(reference: Record | None) -> Tensor | None:
    """Maps of a record's objects as a picture [1, H, W, 3], where no image is wired."""
    if reference is None:
        return None
    settled = reference.settled()
    maps = [to_unit_range(mean_shape(settled, name)[:1]) for name in reference.table.objects]
    if not maps:
        return None
    height, width = maps[0].shape[-2:]
    scale = SIDE / max(height, width)
    seen = enlarged(torch.stack(maps).amax(0), round(height * scale), round(width * scale))
    return heat(0.8 * seen)
