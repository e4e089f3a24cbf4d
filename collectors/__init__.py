"""Public feeds in, RawPosts out: authors dropped, contacts masked."""
