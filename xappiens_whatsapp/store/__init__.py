"""Records into DocTypes, idempotently. Nothing here speaks HTTP, and nothing here commits.

Lock order everywhere: Session, Contact, Conversation, Message, Reaction.
"""
