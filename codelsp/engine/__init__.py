"""The port to a model: its clients over HTTP, and the engine process that all windows share."""
