"""What the model may look at: cursor, enclosing scope, indentation, neighbors, privacy rules."""
