"""What customers owe and have paid, what waits to be applied, and how far the books followed the money."""
