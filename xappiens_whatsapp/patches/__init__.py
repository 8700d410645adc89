"""Changes of stored data between versions; each is named in `patches.txt`."""
