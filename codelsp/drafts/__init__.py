"""Texts whose structure comes from syntax, and whose words are left to the model."""
