"""Every setting, declared once, and how layers of them are read.

Layers, later wins: defaults < user file < workspace file < editor < command line.
A wrong value is a ``Problem`` with its place; the value below it stays in force, nothing stops.

Architecture invariant: a workspace file cannot redirect code; keys with ``scope`` "user" are
refused there.
"""

from codelsp.settings.declaration import Scope, Settings
from codelsp.settings.reading import Layer, Problem, camel_case, read_settings

__all__ = ["Layer", "Problem", "Scope", "Settings", "camel_case", "read_settings"]
