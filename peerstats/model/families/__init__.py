"""peerstats.model.families."""
