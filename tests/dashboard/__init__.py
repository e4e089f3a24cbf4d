"""The page over a real store and a real loopback server."""
