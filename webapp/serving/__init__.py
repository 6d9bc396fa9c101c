"""How the page is served: who visits, whose turn it is, whether all is well, and how it ends."""
