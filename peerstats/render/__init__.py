"""peerstats.render."""
