"""The web page of all runs: pages made by the server, a viewer of cases, and what guards them."""
