"""What is called from outside: the client, and the methods of the Desk and of Inbox Hub."""
