"""peerstats.effects."""
