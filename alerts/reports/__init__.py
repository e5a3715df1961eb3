"""Reports for people: weeks, months and single incidents, from what history keeps. Pure."""
