"""The command line: one module per `longshore` command or family of them."""
