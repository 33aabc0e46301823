"""When a term acts: a stretch of the noise schedule."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Start and end as fractions of the model's noise schedule, 0 = pure noise, 1 = clean.

    Fractions of the schedule, not of the steps: the same window means the same noise levels with
    any sampler, scheduler and number of steps, also for samplers that call the model several times
    a step.

    Raises:
        ValueError: a bound outside [0, 1], or a start after the end.
    """

    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("start_percent", self.start), ("end_percent", self.end)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {value}")
        if self.start > self.end:
            raise ValueError(
                f"start_percent must not be after end_percent, got {self.start} > {self.end}; "
                "swap them, or make both equal to switch the term off"
            )

    @property
    def empty(self) -> bool:
        """Whether the term never acts."""
        return self.start == self.end

    def opened(self) -> "Window":
        """The same start, on to the end of the run; what never acts still never does."""
        return self if self.empty else Window(self.start, 1.0)

    def sigmas(self, percent_to_sigma: Callable[[float], float]) -> tuple[float, float]:
        """Highest and lowest noise level of the window, both inclusive."""
        return float(percent_to_sigma(self.start)), float(percent_to_sigma(self.end))
