"""Generations to texts worth showing: pure steps in one ordered list."""
