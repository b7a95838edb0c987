"""Ways in which apps and jobs go wrong: how each is made to happen, and what has to be told of it then."""
