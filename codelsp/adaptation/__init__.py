"""The embedded model, tuned on the user's own repository, on the user's own machine."""
