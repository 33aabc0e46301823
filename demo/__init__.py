"""The bundled Shapes model, a renderer of its pictures, and the nodes for both."""
