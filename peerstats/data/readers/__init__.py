"""peerstats.data.readers."""
