"""Sweeps: any workflow with many values of its inputs, here or on many workers: `nox -s sweep`."""
