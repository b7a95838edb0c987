module longshore.dev/tests/protocols

go 1.26.0
