"""The reference: normal images that a detector is fitted on, from a folder or a topic."""
