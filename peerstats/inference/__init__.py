"""peerstats.inference."""
