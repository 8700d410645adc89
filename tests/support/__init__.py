"""What the tests stand on: the bench they run on, its processes, and the way back to an untouched site."""
