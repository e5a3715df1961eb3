"""The API over HTTP: one table of routes, from which come both what is served and the document that describes it."""
