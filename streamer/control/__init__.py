"""Control of the running instance from a key binding or a status bar: one socket for its owner."""
