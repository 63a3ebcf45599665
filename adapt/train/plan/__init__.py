"""What a training would take, before anything is fetched: memory and work traced from shapes, time, disk, price."""
