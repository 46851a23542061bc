"""Code shared by the commands: options, settings, outputs, signals, messages."""
