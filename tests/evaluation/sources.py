"""A small package to measure on, written for the tests."""

from __future__ import annotations

import hashlib

from codelsp.evaluation.source_files import SourceFile, SourceSet

SHELF = '''"""Shelves."""

from store.box import Box


class Shelf:
    """A shelf of boxes."""

    def __init__(self, name, size):
        self.name = name
        self.size = size
        self.boxes = []

    def put(self, label, weight):
        """Put a box on it."""
        if len(self.boxes) >= self.size:
            raise ValueError(f"{self.name} is full")
        box = Box(label, weight)
        self.boxes.append(box)
        return box

    def total_weight(self):
        """Add up."""
        total = 0
        for box in self.boxes:
            total += box.weight
        return total


def heaviest(shelves, least=0):
    """Return the shelf that carries most."""
    best = None
    for shelf in shelves:
        weight = shelf.total_weight()
        if best is None or weight > best.total_weight():
            best = shelf
    return best
'''
BOX = '''"""Boxes."""


class Box:
    """A box with a label."""

    def __init__(self, label, weight):
        self.label = label
        self.weight = weight

    def relabel(self, label):
        """Give it another label."""
        before = self.label
        self.label = label
        if before == label:
            return False
        return True
'''


def source_set() -> SourceSet:
    """Return a package of two files, both chosen."""
    files = tuple(
        SourceFile("store", path, text)
        for path, text in (("store/shelf.py", SHELF), ("store/box.py", BOX))
    )
    return SourceSet(files, {"store": files}, hashlib.sha256(b"store").hexdigest())
