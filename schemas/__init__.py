"""The words that every room shares: posts, matters, and their JSON form."""
