"""The sample town: invented sources and posts, and a local server that publishes them."""
