"""How a model is made: corpus, tokenizer, examples, optimizer, loop, export."""
