"""What a planned study could find: power, interval width and the smallest detectable effect."""
