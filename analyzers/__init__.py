"""RawPosts in, tagged rows out."""
