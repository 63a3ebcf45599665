"""What a body is: its cameras, its axes with units, and how their numbers are scaled."""
