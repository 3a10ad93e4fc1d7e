"""peerstats.report."""
