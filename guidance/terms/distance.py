"""Distance of a property to its target, as used by all terms with a target."""

from torch import Tensor

# Distance within which the gradient fades: twenty times the rounding of half precision in records.
FADE = 0.02


def distance(now: Tensor, target: Tensor, fade: float = FADE) -> Tensor:
    """Smoothed |now - target|, element by element: quadratic near the target, else L1.

    The gradient of the paper's plain L1 (arXiv 2306.00986, section 3.3) has the same size at any
    distance. A run that begins like its reference is at the target of every term that keeps
    something, where the sign of that gradient is decided by rounding: then the same picture alone
    and in a batch differs by some percent of the effect of guidance.

    Args:
        now, target: tensors whose shapes broadcast, in relative units, such as fractions of a side.
        fade: distance within which the gradient falls to 0.

    Returns:
        d = |now - target| where d >= fade; else d u (2 - u) with u = d / fade, which has the same
        value and slope at d = fade.
    """
    away = (now - target).abs()
    near = (away / fade).clamp(max=1)
    return away * near * (2 - near)
