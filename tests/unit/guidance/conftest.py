"""Hypothesis without time limits, which a busy machine exceeds, and without its folder."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=25, database=None)
settings.load_profile("unit")
