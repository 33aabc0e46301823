"""What a page is shown while a run goes on."""
