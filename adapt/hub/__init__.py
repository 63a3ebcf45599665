"""What leaves the machine and comes back: cards, publishing, pulling."""
