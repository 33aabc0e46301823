"""What a reference showed, as terms of one pass compare with it."""

from ..maps.properties import Properties
from .record import Record


def shown(record: Record, seen: Properties, name: str, settled: bool = False) -> Properties:
    """What a record showed of an object, at the sites of a pass; terms share what they read.

    Args:
        record: reference of a term.
        seen: properties of the pass.
        name: object of the reference that is compared with.
        settled: where its objects ended up, instead of what it showed at the pass's noise level.
    """
    like = next(iter(seen.maps.values()))

    def read(naming: str = "") -> Properties:
        then = record.settled(like) if settled else record.at(seen.sigma, like, naming)
        return then.at_sites(tuple(seen.maps))

    then = seen.remember(("reference", settled, record), read)
    if then.table.has(name):
        return then
    return seen.remember(("reference", settled, record, name), lambda: read(name))
