"""Reads files that may be damaged or malicious: never beyond their end, nor without a limit."""
