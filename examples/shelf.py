"""A file to try codelsp on; line 16 is missing: ``codelsp complete examples/shelf.py:16``."""


class Shelf:
    """Books of one owner."""

    def __init__(self, name, size):
        self.name = name
        self.size = size
        self.books = []

    def add(self, book):
        """Put ``book`` on the shelf if there is room."""
        if len(self.books) >= self.size:
            raise ValueError("the shelf is full")

    def remove(self, book):
        """Take ``book`` off the shelf."""
        self.books.remove(book)
