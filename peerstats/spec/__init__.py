"""peerstats.spec."""
