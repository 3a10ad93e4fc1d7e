"""peerstats.data."""
