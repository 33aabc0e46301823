"""How a sampling run is guided: wrappers, capture, gradient, memory and checks."""
