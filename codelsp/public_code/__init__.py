"""Whether a text stands word by word in the public code that a model was trained on.

Architecture invariant: only hashes are kept of that code, never a word of it.
Architecture invariant: no numpy here; an index is built in ``training``, and looked up by servers.
"""

from codelsp.public_code.index import PublicCodeIndex, Source, open_index
from codelsp.public_code.match import PublicMatch, find_match

__all__ = ["PublicCodeIndex", "PublicMatch", "Source", "find_match", "open_index"]
