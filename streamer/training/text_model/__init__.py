"""Training of the text model: the marks and capitals of written English."""
