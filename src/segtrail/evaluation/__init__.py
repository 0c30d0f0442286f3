"""How good a segmentation is: metrics of one case, and statistics over cases."""
