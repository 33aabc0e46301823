"""How far a property is from its target, as the terms that compare count it."""

from torch import Tensor

# Twenty times the rounding of records in half precision.
REST = 0.02


def distance(now: Tensor, target: Tensor, rest: float = REST) -> Tensor:
    """|now - target|, element by element, with a pull that fades within `rest`.

    The paper's plain L1 (arXiv 2306.00986, section 3.3) pulls next to the goal as strongly as far
    from it. A run that begins like its reference is at the goal of every term that keeps something,
    and there the way of such a pull is what rounding left over: a picture by itself and the same
    picture in a batch then part by some percent of what guidance does.

    Args:
        now, target: shapes that broadcast; values that count in parts of the whole, such as a side
            or a look's own magnitude.
        rest: how near the goal the pull fades.

    Returns:
        the distance d; d u (2 - u) with u = d / rest within `rest`, where value and slope meet.
    """
    away = (now - target).abs()
    near = (away / rest).clamp(max=1)
    return away * near * (2 - near)
