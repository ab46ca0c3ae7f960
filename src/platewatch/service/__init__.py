"""The city's service: reads in, matched, hits committed to the outbox, notifications out."""
