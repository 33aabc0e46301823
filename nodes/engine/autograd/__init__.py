"""Gradients through a model that was loaded for inference."""
