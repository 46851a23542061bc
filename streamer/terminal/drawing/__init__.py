"""Drawing of the live view: layout, styles, screen updates."""
