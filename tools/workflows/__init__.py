"""The example workflows: run them, derive variants, extract blueprints."""
