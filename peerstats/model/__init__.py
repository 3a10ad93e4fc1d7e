"""Sample to Fit: formulas, designs, outcome families and engines."""
