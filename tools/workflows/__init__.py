"""The example workflows: run, vary, cut into blueprints."""
