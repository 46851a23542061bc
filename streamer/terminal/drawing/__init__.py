"""Drawing the live view: layout, colours, and what changed on the screen."""
