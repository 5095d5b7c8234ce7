"""The torch engine: any causal language model of transformers, on GPU or CPU.

It speaks the dialect of llama.cpp's server and OpenAI's completions.  Loading, tokenizing and most
forward passes are transformers'; decoding is our own: keys and values reused over keystrokes,
several candidates from one prefill, drafts from the prompt, token healing, stop rules, cancel.

Architecture invariant: nothing on a request's way through the server imports this room.
Architecture invariant: one thread alone touches the model; the event loop never waits for it.
"""
