"""Payment orders as a list and as pages; salespeople see those of the orders they see."""
