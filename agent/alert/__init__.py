"""The life of an alert and its words."""
