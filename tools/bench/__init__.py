"""Cost of guidance in time and memory."""
