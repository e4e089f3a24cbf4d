"""The page that a duty officer looks at: matters, sources, stages; and SQL for the same numbers."""
