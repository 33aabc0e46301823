"""Small heads fitted on a frozen model's features: another way to see objects and looks."""
