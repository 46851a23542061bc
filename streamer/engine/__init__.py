"""The engine: from samples to events, in one thread or behind one."""
