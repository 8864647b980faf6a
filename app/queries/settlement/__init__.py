"""What processors paid out, for the pages of it: batches, their lines, what does not fit, and where money stands."""
