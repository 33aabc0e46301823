"""Checks that the reference, mask or feature of a term fits a run."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..families import Family
from ..record.feature import Feature
from ..record.record import Record


def check_reference(label: str, record: Record, family: Family, batch: int) -> None:
    """Check that a record can be the reference of a run.

    Args:
        label: of the term, for the message.
        record: the reference.
        family: of the model that samples.
        batch: number of pictures.
    """
    if record.family != family.name:
        raise ValueError(
            f"the reference of '{label}' was recorded with a model of family {record.family!r}, "
            f"but this model is {family.name!r}; record it again with this model"
        )
    sites = tuple(record.last.maps)
    if sites != family.sites:
        raise ValueError(
            f"the reference of '{label}' was recorded at the attention sites {_listed(sites)}, but "
            f"guidance now reads {_listed(family.sites)}; record it again"
        )
    if record.batch not in (1, batch):
        raise ValueError(
            f"the reference of '{label}' holds {record.batch} pictures but the latent holds "
            f"{batch}; use a reference of one picture or of the same batch size"
        )


def check_mask(label: str, mask: Tensor, batch: int) -> None:
    """Raise a ValueError unless a mask [M, H, W] has one picture or as many as the run."""
    if len(mask) not in (1, batch):
        raise ValueError(
            f"the mask of '{label}' holds {len(mask)} pictures but the latent holds {batch}; "
            "use one mask or as many as pictures"
        )


def check_feature(label: str, feature: Feature, family: Family, batch: int) -> None:
    """Raise a ValueError unless a feature is of the family, and of one picture or of the batch."""
    if feature.family != family.name:
        raise ValueError(
            f"the feature of '{label}' shows {feature.label!r} in a model of family "
            f"{feature.family!r}, but this model is {family.name!r}; take it from a record of this "
            "model"
        )
    if feature.batch not in (1, batch):
        raise ValueError(
            f"the feature of '{label}' holds {feature.batch} pictures but the latent holds "
            f"{batch}; use a feature of one picture or of the same batch size"
        )


def _listed(sites: Sequence[Any]) -> str:
    return ", ".join(" ".join(map(str, site)) for site in sites)
