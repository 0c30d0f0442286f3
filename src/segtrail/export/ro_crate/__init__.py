"""A run as a crate for archives: its files, and a description of them and of the training that others read."""
