"""From any DeepSpeech network to files that the backends load: readers, writers, checker."""
