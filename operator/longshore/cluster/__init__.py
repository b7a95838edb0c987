"""Everything that touches the API server, for any kind of object: it knows no kind of ours."""
