"""A study on the tabletop: what is recorded, trained and tried, and what follows from it."""
