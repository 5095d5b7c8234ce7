"""Documents as frozen values: text, lines, positions, edits, languages, syntax trees."""
