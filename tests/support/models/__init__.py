"""Small models, graphs and broken copies of them."""
