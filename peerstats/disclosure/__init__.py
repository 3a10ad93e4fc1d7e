"""peerstats.disclosure."""
