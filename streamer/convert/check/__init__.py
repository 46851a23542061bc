"""Checks of converted Core ML models, evaluated in NumPy on any system."""
