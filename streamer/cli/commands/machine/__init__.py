"""Commands about this machine: devices, settings, speed."""
