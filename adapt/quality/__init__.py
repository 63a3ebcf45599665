"""What is this footage or play data worth, before anything is trained on it? The doctor's judgements."""
