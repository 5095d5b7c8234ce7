"""The index that came with codelsp: of the code that the embedded model was trained on."""

from __future__ import annotations

import logging
from functools import lru_cache

from codelsp.errors import ModelFileError
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir
from codelsp.public_code.index import FILE, PublicCodeIndex, open_index

logger = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def shipped_index() -> PublicCodeIndex | None:
    """Return the index, open for as long as the process lives; None if it is missing or damaged."""
    try:
        index = open_index(embedded_dir() / DEFAULT_MODEL / FILE)
    except ModelFileError as error:
        logger.warning("suggestions are not compared with public code: %s", error)
        return None
    if index is None:
        logger.info("suggestions are not compared with public code: there is no index")
    return index
