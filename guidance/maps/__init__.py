"""Attention maps, and the properties of objects that are read from them."""
