"""One request through all rooms: journey, scheduler, cache, trace."""
