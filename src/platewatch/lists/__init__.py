"""Where lists of wanted vehicles come from: one file a format, the mapping of columns, the check of a whole list."""
