"""``segtrail init``: from a folder of images and labels to a ``dataset.json`` and a commented configuration."""
