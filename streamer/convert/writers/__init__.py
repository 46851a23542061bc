"""Writers: from the plain container of weights to the files that backends load."""
