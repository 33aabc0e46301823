"""The transformer form of the Shapes model: its training and its measuring."""
