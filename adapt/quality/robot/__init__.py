"""What is wrong with a robot's data set, and what does its motion cover? Findings and figures; nothing is refused.

What ingest refuses (missing files and columns, named axes out of place, clocks that leave the rate, numbers that are
not finite) is told by it, and not here a second time.
"""
