"""Where utterances begin and end: voice activity, and rules on trailing silence.

Nothing is imported here: the command line wants the rules' defaults without NumPy.
"""
