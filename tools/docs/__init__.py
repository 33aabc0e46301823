"""Pictures and texts of the help pages, icon and banner."""
