// Command workload is what the end-to-end tests run in containers: a web server when it is started
// without arguments, and a batch job with a known end when it is given one of the words in jobs.
package main

import (
	"fmt"
	"os"
)

// version is baked into each image, so that a rollout can be seen from outside.
func version() string {
	return os.Getenv("WORKLOAD_VERSION")
}

func main() {
	if len(os.Args) > 1 {
		run, known := jobs[os.Args[1]]
		if !known {
			fail("unknown word %q", os.Args[1])
		}
		run(os.Args[2:])
		return
	}
	if version() == "broken" {
		lastWords("cannot open the database: connection refused")
		os.Exit(3)
	}
	serve()
}

// lastWords leaves a message where the kubelet picks it up when the container ends.
func lastWords(text string) {
	fmt.Fprintln(os.Stderr, text)
	if err := os.WriteFile("/dev/termination-log", []byte(text), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(2)
}
