from __future__ import annotations

from codelsp.engine.token_cache import TokenCache


def test_texts_used_longest_ago_are_forgotten_first() -> None:
    cache = TokenCache(n_texts=2)
    cache.put("suffix", (1,))
    cache.put("old prefix", (2,))
    cache.get("suffix")
    cache.put("new prefix", (3,))

    assert cache.get("suffix") == (1,)
    assert cache.get("old prefix") is None
    assert cache.get("new prefix") == (3,)
