"""The company, its people and settings, its customers, and what needs somebody."""
