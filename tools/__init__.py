"""The project's commands; none of it ships with the pack."""
