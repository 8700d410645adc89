"""What is fast, and what a user would have instead: `./dev/benchmark`."""
