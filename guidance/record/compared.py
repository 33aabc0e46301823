"""The properties of a reference that a term compares a forward pass with."""

from ..maps.properties import Properties
from .record import Record


def reference_properties(
    record: Record, seen: Properties, name: str, settled: bool = False
) -> Properties:
    """Properties of a reference at the sites of a pass, computed once for all terms of the pass.

    Args:
        record: reference of a term.
        seen: properties of the pass.
        name: object of the reference that is compared with.
        settled: read `Record.settled`, the mean maps of the last part of the run, instead of the
            properties at the noise level of the pass.

    Returns:
        properties with maps in float32, on the device of those of the pass. If prompts change
        during the reference's run, of steps that name the object, if there are any.
    """
    like = next(iter(seen.maps.values()))

    def read(naming: str = "") -> Properties:
        then = record.settled(like) if settled else record.at(seen.sigma, like, naming)
        return then.at_sites(tuple(seen.maps))

    then = seen.remember(("reference", settled, record), read)
    if then.table.has(name):
        return then
    return seen.remember(("reference", settled, record, name), lambda: read(name))
