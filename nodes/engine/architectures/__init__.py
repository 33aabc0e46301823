"""Architectures: one file for each kind of network."""

from ....guidance.families import Family
from .base import Architecture
from .cross import Cross
from .joint import Joint
from .unet import UNet

ARCHITECTURES: tuple[Architecture, ...] = (Joint(), Cross(), UNet())


def architecture_of(family: Family) -> Architecture:
    """The architecture of a family."""
    (found,) = (known for known in ARCHITECTURES if known.name == family.architecture)
    return found
