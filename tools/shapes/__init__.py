"""Training and evaluation of the Shapes model."""
