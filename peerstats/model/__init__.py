"""peerstats.model."""
