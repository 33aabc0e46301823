"""One file a kind of network: where its attention is read and how its blocks are reached."""

from ....guidance.families import Family
from .base import Architecture
from .cross import Cross
from .joint import Joint
from .unet import UNet

ARCHITECTURES: tuple[Architecture, ...] = (Joint(), Cross(), UNet())


def architecture_of(family: Family) -> Architecture:
    """The architecture that the family's record names."""
    (found,) = (known for known in ARCHITECTURES if known.name == family.architecture)
    return found
