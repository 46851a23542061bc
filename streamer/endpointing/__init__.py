"""Where utterances begin and end: voice activity, and rules on trailing silence.

Imports nothing: the command line reads the defaults of the rules without NumPy.
"""
