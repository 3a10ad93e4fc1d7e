"""peerstats.model.engines."""
