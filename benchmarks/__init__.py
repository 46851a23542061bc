"""Measurements and long runs that are no tests."""
