"""The language of Inbox Hub: everything that knows how the Hub speaks, and nothing that knows a database."""
