"""peerstats.tables."""
