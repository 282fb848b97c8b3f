"""What `scripts/fuzz.py` runs: damaged and made-up files for every reader of netsim."""
