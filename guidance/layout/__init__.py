"""The canvas: several objects moved, resized and added at once."""
