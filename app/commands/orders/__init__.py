"""Sales orders: edited, submitted, signed, booked and activated."""
