"""What a run, or one real image, showed at every noise level."""
