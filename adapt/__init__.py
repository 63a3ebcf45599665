"""wam-adapt: human video or robot play data in, an adapted World-Action Model on the Hub out."""

__version__ = "0.1.0"
