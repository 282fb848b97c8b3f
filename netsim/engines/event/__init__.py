"""The event engine: no time step, a spike time is the root of a line."""
