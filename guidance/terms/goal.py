"""Where terms want their objects, for pictures of a run; energies themselves need none of it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..maps.properties import Properties, centroid
from ..record.record import Record
from .attention import Box
from .mask import Mask
from .reference import Concentration, Position, Shape, Term


def goals(terms: Sequence[Term], seen: Properties) -> dict[str, Tensor]:
    """Where each object shall be, (x, y) as [B or 1, 2]; the weightiest of its terms counts.

    Args:
        terms: of one run, recipes resolved.
        seen: properties of a step; relative goals are read at its noise level.
    """
    found: dict[str, Tensor] = {}
    for term in sorted(terms, key=lambda term: -term.weight):
        if term.weight > 0 and term.object not in found:
            wanted = goal(term, seen)
            if wanted is not None:
                found[term.object] = wanted
    return found


def goal(term: Term, seen: Properties) -> Tensor | None:
    """Where a term wants the middle of its object, (x, y) as [B or 1, 2]; None if it says nothing.

    A goal outside the picture, or that of a mask cut by its edge, is where the term pulls to.
    """
    if isinstance(term, (Position, Concentration)):
        return _moved(term.reference, term, seen, term.x, term.y)
    if isinstance(term, Box):
        return torch.tensor([[term.x + term.width / 2, term.y + term.height / 2]])
    if isinstance(term, Mask):
        return centroid(term.mask.cpu())
    if isinstance(term, Shape):
        offset = term.transform
        if term.mask is not None:
            return centroid(term.mask.cpu()) + torch.tensor([offset.dx, offset.dy])
        return _moved(term.reference, term, seen, offset.dx, offset.dy)
    return None


def _moved(reference: Record | None, term: Term, seen: Properties, x: float, y: float) -> Tensor:
    point = torch.tensor([[x, y]])
    if reference is None:
        return point
    settled = getattr(term, "settled", False)
    then = reference.settled() if settled else reference.at(seen.sigma, naming=term.compared)
    return then.centroid(term.compared).mean(1) + point
