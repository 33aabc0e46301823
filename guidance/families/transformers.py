"""Diffusion transformers; see `nodes/engine/architectures/transformer.py` for their sites.

None of the sites of models other than the demo was measured here. Where nobody has published which
blocks localise, they stand between a third and a half of the depth, which is a guess.
"""

from collections.abc import Sequence

from .family import Family
from .structure import Blocks, Structure

PICTURE = 4096  # tokens of a picture of 1024 x 1024
GUESS = "a guess: between a third and a half of the depth; not measured here"
SD3 = "published: block 9 of SD3 (Seg4Diff) and those before it; not measured here"
FLUX = "published: double blocks 15 to 18 of Flux.1 (ConceptAttention); not measured here"
FLUX2 = "published: double blocks 5 to 7 of Flux.2 (ConceptAttention); not measured here"


def _family(
    name: str,
    title: str,
    structure: Structure,
    places: Sequence[int],
    memory: tuple[float, float, int],
    evidence: str,
    architecture: str = "joint",
    recompute_by_default: bool = True,
) -> Family:
    """A family that is read in some blocks of its first list, and after the last.

    Args:
        name, title, evidence, recompute_by_default: see `Family`.
        structure: of its networks.
        places: numbers of the blocks.
        memory: KiB that a block keeps for every token in half precision, KiB of that which enter
            it, and tokens of a usual text.
        architecture: "joint" or "cross".
    """
    kept, entering, text = memory
    blocks = places[-1] + 1
    graph = round(kept * blocks * (1 + text / PICTURE) / structure.patch**2)
    return Family(
        name=name,
        title=title,
        architecture=architecture,
        network=structure,
        sites=tuple((structure.blocks[0].name, place) for place in places),
        feature_place=places[-1],
        graph_kib=(graph, graph),
        evidence=evidence,
        recomputed_share=round((kept + entering * blocks) / (kept * blocks), 2),
        recompute_by_default=recompute_by_default,
    )


def _next_dit(depth: int, multiple: int | None, patch: int = 2) -> Structure:
    return Structure(
        "NextDiT",
        (Blocks("layers", depth),),
        patch,
        attributes=(("patch_size", patch), ("pad_tokens_multiple", multiple)),
        before=("noise_refiner",),
        multiple=multiple or 1,
        references_first=True,
    )


def _sd3(depth: int) -> Structure:
    return Structure("OpenAISignatureMMDITWrapper", (Blocks("joint_blocks", depth, output=1),))


def _flux(class_name: str, double: int, single: int, patch: int = 2) -> Structure:
    lists = Blocks("double_blocks", double, output=0), Blocks("single_blocks", single)
    attributes = (("patch_size", patch),)
    return Structure(
        class_name, lists, patch, attributes, padded_left=patch == 1, adds_in_place=True
    )


def _wan(depth: int, channels: int) -> Structure:
    attributes = ("model_type", "t2v"), ("in_dim", channels)
    return Structure("WanModel", (Blocks("blocks", depth),), attributes=attributes)


TRANSFORMERS = (
    _family(
        "shapes-transformer",
        "Shapes transformer (the bundled demo model)",
        _next_dit(6, None, patch=1),
        (2, 3, 4),
        (7.75, 0.4, 1300),  # 77 tokens beside the 256 of a picture
        "measured: of 8 moves at 15 steps, layer 2 or 3 alone puts 6 within 0.06 of the side, "
        "2 and 3 together, or 2 to 4, put all 8; the model card has how well each layer localises",
        recompute_by_default=False,
    ),
    _family("z-image", "Z-Image", _next_dit(30, 32), (11, 13, 15), (164, 7.5, 64), GUESS),
    _family("lumina2", "Lumina Image 2", _next_dit(26, None), (9, 11, 13), (98, 4.5, 256), GUESS),
    _family(
        "qwen-image",
        "Qwen-Image and Qwen-Image-Edit",
        Structure("QwenImageTransformer2DModel", (Blocks("transformer_blocks", 60, output=1),)),
        (20, 25, 30),
        (74, 6, 64),
        GUESS,
    ),
    _family("flux", "Flux.1", _flux("Flux", 19, 38), (15, 16, 17, 18), (74, 6, 512), FLUX),
    _family("chroma", "Chroma", _flux("Chroma", 19, 38), (15, 16, 17, 18), (74, 6, 512), FLUX),
    _family("flux2", "Flux.2", _flux("Flux", 8, 48, 1), (5, 6, 7), (150, 12, 512), FLUX2),
    _family(
        "flux2-klein-9b",
        "Flux.2 klein 9B",
        _flux("Flux", 8, 24, 1),
        (5, 6, 7),
        (100, 8, 512),
        FLUX2,
    ),
    _family(
        "flux2-klein-4b", "Flux.2 klein 4B", _flux("Flux", 5, 20, 1), (2, 3, 4), (75, 6, 512), GUESS
    ),
    _family("sd3", "Stable Diffusion 3 and 3.5 medium", _sd3(24), (7, 8, 9), (31, 3, 333), SD3),
    _family(
        "sd35-large", "Stable Diffusion 3.5 large", _sd3(38), (12, 14, 16), (50, 5, 333), GUESS
    ),
    _family(
        "hidream",
        "HiDream I1",
        Structure(
            "HiDreamImageTransformer2DModel",
            (
                Blocks("double_stream_blocks", 16, output=0),
                Blocks("single_stream_blocks", 32),
            ),
            text_last=True,
        ),
        (11, 13, 15),
        (80, 5, 384),
        GUESS,
    ),
    _family(
        "krea2",
        "Krea 2",
        Structure("SingleStreamDiT", (Blocks("blocks", 28),)),
        (10, 12, 14),
        (150, 12, 128),
        GUESS,
    ),
    _family(
        "wan-14b",
        "Wan 2.x 14B, text to image",
        _wan(40, 16),
        (12, 16, 20),
        (130, 10, 0),
        GUESS,
        "cross",
    ),
    _family(
        "wan-1.3b",
        "Wan 2.1 1.3B, text to image",
        _wan(30, 16),
        (9, 12, 15),
        (40, 3, 0),
        GUESS,
        "cross",
    ),
    _family(
        "wan-5b", "Wan 2.2 5B, text to image", _wan(30, 48), (9, 12, 15), (80, 6, 0), GUESS, "cross"
    ),
    _family(
        "cosmos-2b",
        "Cosmos-Predict2 2B, text to image",
        Structure("MiniTrainDIT", (Blocks("blocks", 28),), attributes=(("in_channels", 16),)),
        (10, 12, 14),
        (60, 4, 0),
        GUESS,
        "cross",
    ),
    _family(
        "cosmos-14b",
        "Cosmos-Predict2 14B, text to image",
        Structure("MiniTrainDIT", (Blocks("blocks", 36),), attributes=(("in_channels", 16),)),
        (12, 15, 18),
        (150, 10, 0),
        GUESS,
        "cross",
    ),
    _family(
        "anima",
        "Anima",
        Structure("Anima", (Blocks("blocks", 28),)),
        (10, 12, 14),
        (60, 4, 0),
        GUESS,
        "cross",
    ),
    _family(
        "pixart",
        "PixArt",
        Structure("PixArtMS", (Blocks("blocks", 28),)),
        (10, 12, 14),
        (30, 2.5, 0),
        GUESS,
        "cross",
    ),
)
