"""The posts and counts in ClickHouse or chDB, behind one thin wrapper."""
