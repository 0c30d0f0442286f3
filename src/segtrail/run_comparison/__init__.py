"""Several runs beside each other: what differs, and paired differences over the cases that all measured."""
