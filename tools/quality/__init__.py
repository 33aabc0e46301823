"""Quality of edits: the report, the demo command, comparison of checkouts, mutation tests."""
