"""What commands share: options, outputs, signals, progress."""
