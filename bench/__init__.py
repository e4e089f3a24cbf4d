"""What `make bench` measures; each group holds a named baseline, so that ratios can be read off."""
