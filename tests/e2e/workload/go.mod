module longshore.dev/tests/workload

go 1.24
