"""`dni-pack report`: what a pack does, on one page that needs nothing else."""
