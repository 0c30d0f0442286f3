"""Reading and writing volumes, and the geometry that places their voxels in space."""
