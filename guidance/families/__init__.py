"""Model families: what guidance reads in each, as data.

A family's entry names the sites where attention is read and the place where features are read. Only
the family's architecture knows what these names mean, see `nodes/engine/architectures`. A new
family is one more entry in one of the lists.
"""

from .family import Family
from .transformers import TRANSFORMERS
from .unets import UNETS

__all__ = ["FAMILIES", "Family"]

FAMILIES: tuple[Family, ...] = (*UNETS, *TRANSFORMERS)
