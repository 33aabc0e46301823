"""Model families: what guidance reads in each, as data.

A record names the sites where attention is read and the place where features are read. What these
mean is known to the family's architecture alone, see `nodes/engine/architectures`. A new family is
one more record.
"""

from .family import Family
from .transformers import TRANSFORMERS
from .unets import UNETS

__all__ = ["FAMILIES", "Family"]

FAMILIES: tuple[Family, ...] = (*UNETS, *TRANSFORMERS)
