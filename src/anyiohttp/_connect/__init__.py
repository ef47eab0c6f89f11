"""L3: from a key to a usable connection."""
