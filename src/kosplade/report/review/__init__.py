"""What a change does to the metrics: the gates that it must keep, and the comment that says so."""
