"""One module per kind of child: each builds an object from a Work. All of it pure."""
