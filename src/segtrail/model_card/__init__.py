"""The model card of a run: what its network is for, how well it does, and where it fails."""
