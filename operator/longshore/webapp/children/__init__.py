"""One module per kind of child: each builds an object, or nothing, from an App. All of it pure."""
