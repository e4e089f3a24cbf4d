"""The command line, and what wires settings to workers."""
