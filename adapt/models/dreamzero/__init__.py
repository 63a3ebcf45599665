"""What is DreamZero's own: its sequence, its action slots, its noise schedule, and a world model of its parts."""
