"""What a study's own layout lets each method do: simulated from its fit, refitted and scored."""
