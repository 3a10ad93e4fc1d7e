"""peerstats.data.derived."""
