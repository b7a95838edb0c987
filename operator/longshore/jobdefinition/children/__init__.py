"""One module per kind of child: each builds an object from a JobDefinition. All of it pure."""
