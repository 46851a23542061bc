"""Commands about this machine: devices, settings, benchmarks."""
