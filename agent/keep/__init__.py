"""Files of taps that are kept to learn from: which events, in what form, and where."""
