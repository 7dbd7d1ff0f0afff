"""Poll, decode, score, count, flush: one page, in that order, and what it needs."""
