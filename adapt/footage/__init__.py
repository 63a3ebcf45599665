"""What is wrong with a stretch of footage: cuts, copies, darkness, blur, bars, panels, test cards; or nothing."""
