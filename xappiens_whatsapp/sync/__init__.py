"""A sync: pages of the Hub fetched one after the other, each stored in one transaction with the place it was at."""
