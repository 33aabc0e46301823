"""Recipes: the terms of what users ask for, such as moving one object and keeping the rest."""
