"""Show the attention of a record as pictures and masks."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..guidance.maps.properties import Properties, resample
from ..guidance.record.record import Record
from ..guidance.words.phrases import letters
from ..guidance.words.written import listed
from .ui.map_files import map_files
from .ui.pictures import captioned, enlarged, heat, overlaid, tiled, to_unit_range
from .ui.schema import schema
from .ui.types import CATEGORY, RecordIO

SIDE = 256


class AttentionPreview(io.ComfyNode):
    """Attention of an object, or of every word, as picture and mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceAttentionPreview",
            aliases=["attention map", "heatmap", "daam", "cross-attention"],
            display_name="Self-Guidance Attention Preview",
            category=CATEGORY,
            description="Shows where the model saw an object, at one step or over the whole run, "
            "plain or over the picture. Leave the object empty for a sheet of all words.",
            inputs=_inputs(),
            outputs=[
                io.Image.Output(
                    tooltip="The attention as heat, one picture for each in the batch."
                ),
                io.Mask.Output(
                    tooltip="The object's shape from 0 to 1, to use as a mask. Sheet: all objects "
                    "together."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, record: Record, object: str, step: int, image: Tensor | None = None, site: int = -1
    ) -> io.NodeOutput:
        """Draw the maps."""
        chosen = listed(object)
        properties = _of_site(_at(record, step), site)
        words = [] if chosen else _words(record)
        height, width = _size(properties, image)

        def map_of(name: str) -> Tensor:
            return enlarged(_mean(properties.map(name)), height, width)

        shapes = [
            enlarged(_mean(properties.shape(name)), height, width)
            for name in chosen or record.table.objects
        ]
        none = torch.zeros(record.batch, height, width)  # a prompt such as "the background"
        mask = torch.stack(shapes).amax(0) if shapes else none
        if chosen:
            together = torch.stack([to_unit_range(map_of(name)) for name in chosen]).amax(0)
            picture = _drawn(together, image)
        else:
            picture = _sheets({word: _drawn(map_of(word), image) for word in words})
        about = ui.PreviewImage(picture, cls=cls).as_dict()
        return io.NodeOutput(picture, mask, ui={**about, **map_files(cls, record, image)})


def _inputs() -> list[io.Input]:
    return [
        RecordIO.Input("record", tooltip="From a Self-Guidance KSampler or Record Image."),
        io.String.Input(
            "object",
            default="",
            tooltip="The object, in the words of the prompt; several with commas between "
            "them, shown together. Empty: a sheet of every word.",
        ),
        io.Int.Input(
            "step",
            default=-1,
            min=-1,
            max=10000,
            tooltip="Which step to show, from 0 on; -1 shows the mean over all steps.",
        ),
        io.Image.Input("image", optional=True, tooltip="Picture to lay the attention over."),
        io.Int.Input(
            "site",
            default=-1,
            min=-1,
            max=100,
            optional=True,
            tooltip="Which attention site of the model to show, from 0 on; -1 shows the "
            "mean over all sites.",
        ),
    ]


def _sheets(drawn: Mapping[str, Tensor]) -> Tensor:
    """Pictures [B, H, W, 3] by word as sheets [B, H', W', 3] with the words under them."""
    columns = math.ceil(len(drawn) ** 0.5)
    batch = len(next(iter(drawn.values())))
    return torch.stack(
        [
            tiled([captioned(pictures[i], name) for name, pictures in drawn.items()], columns)
            for i in range(batch)
        ]
    )


def _of_site(properties: Properties, site: int) -> Properties:
    """The properties with the maps of one site, or of all."""
    if site < 0:
        return properties
    sites = list(properties.maps)
    if site >= len(sites):
        raise ValueError(
            f"site must be below {len(sites)}, the number of attention sites in the record, got "
            f"{site}"
        )
    return replace(properties, maps={sites[site]: properties.maps[sites[site]]})


def _at(record: Record, step: int) -> Properties:
    """Properties of a step, or with the mean maps of the run if `step` is -1."""
    if record.table and step >= len(record.steps):
        raise ValueError(
            f"step must be below {len(record.steps)}, the number of steps in the record, got {step}"
        )
    return record.settled(share=1.0) if step < 0 else record.at(record.sigmas[step])


def _words(record: Record) -> list[str]:
    """Every word of the prompt once, without punctuation."""
    words = [word for word in dict.fromkeys(record.table.words) if letters(word)]
    if not words:
        raise ValueError(
            f"the prompt {record.table.prompt!r} of the record has no words, so there is no "
            "attention to show; name in it what to look for, such as 'a red circle', and sample "
            "again"
        )
    return words


def _mean(maps: tuple[Tensor, ...]) -> Tensor:
    """Mean over the sites, [B, H, W], each scaled to [0, 1] first so that all count the same."""
    height, width = max(m.shape[-2:] for m in maps)
    return torch.stack(
        [resample(to_unit_range(m)[:, None], height, width)[:, 0] for m in maps]
    ).mean(0)


def _size(properties: Properties, image: Tensor | None) -> tuple[int, int]:
    if image is not None:
        return image.shape[1], image.shape[2]
    height, width = next(iter(properties.maps.values())).shape[-2:]
    scale = SIDE / min(height, width)
    return round(height * scale), round(width * scale)


def _drawn(maps: Tensor, image: Tensor | None) -> Tensor:
    maps = to_unit_range(maps)
    if image is None:
        return heat(maps)
    if len(image) not in (1, len(maps)):
        raise ValueError(
            f"image holds {len(image)} pictures but the record {len(maps)}; use the pictures of "
            "that run"
        )
    return overlaid(maps, image[..., :3].cpu())
