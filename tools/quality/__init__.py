"""How well edits come out: the report and the demo command."""
