"""Was this already done? Fingerprints, the cache, atomic files and resumable stages."""
