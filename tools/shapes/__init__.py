"""Training and measuring the Shapes model."""
