"""Hypothesis without time limits, which a busy machine breaks, and without a folder of its own."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=25, database=None)
settings.load_profile("unit")
