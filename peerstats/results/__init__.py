"""peerstats.results."""
