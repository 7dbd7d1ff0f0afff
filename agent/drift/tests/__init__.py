"""The drift tests: one file each, and the table that names them."""
