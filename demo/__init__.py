"""The bundled Shapes model, pictures of its kind, and the nodes that serve them."""
