"""Guided sampling runs: wrappers, capture, gradient, memory and checks."""
