"""Images scored one by one, for people: a folder, files or arrays in, a table out."""
