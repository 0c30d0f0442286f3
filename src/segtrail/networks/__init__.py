"""Networks and losses: MONAI's, segtrail's own fast one, or yours by import path."""
