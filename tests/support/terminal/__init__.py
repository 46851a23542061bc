"""Terminals and command lines under test."""
