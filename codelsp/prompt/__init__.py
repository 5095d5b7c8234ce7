"""Context to token ids: fill-in-the-middle layouts, shared with training, and the token budget."""
