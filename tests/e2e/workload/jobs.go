package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// jobs are the ways to run as a batch job, by the first argument.
var jobs = map[string]func(arguments []string){
	"allreduce":      allreduce,
	"sleep":          sleep,
	"exit":           func(arguments []string) { os.Exit(integer(arguments, 0)) },
	"oom":            outOfMemory,
	"take":           take,
	"fail-indexes":   failIndexes,
	"flaky":          flaky,
	"write":          write,
	"fill":           fill,
	"say-last-words": sayLastWords,
	"load":           load,
	"model":          model,
	"stop":           func([]string) { _ = syscall.Kill(1, syscall.SIGTERM) },
}

// sleep SECONDS, cut short by SIGTERM.
func sleep(arguments []string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	select {
	case <-time.After(time.Duration(integer(arguments, 0)) * time.Second):
	case <-stop:
		os.Exit(143)
	}
}

// outOfMemory takes memory until it is killed.
func outOfMemory([]string) {
	for {
		keep(16)
		time.Sleep(10 * time.Millisecond)
	}
}

// take MIB takes so much memory, and ends well if it gets it.
func take(arguments []string) {
	keep(integer(arguments, 0))
	fmt.Println("took", integer(arguments, 0), "MiB")
}

// failIndexes 1,3,7 fails in the pods of an array that have one of these indexes.
func failIndexes(arguments []string) {
	index := os.Getenv("LONGSHORE_ARRAY_INDEX")
	if index == "" {
		fail("LONGSHORE_ARRAY_INDEX is not set")
	}
	if slices.Contains(strings.Split(word(arguments, 0), ","), index) {
		fmt.Println("index", index, "fails")
		os.Exit(1)
	}
	fmt.Println("index", index, "succeeds")
}

// flaky N fails with exit code 1 on every attempt before the Nth.
func flaky(arguments []string) {
	attempt, err := strconv.Atoi(os.Getenv("LONGSHORE_ATTEMPT"))
	if err != nil {
		fail("LONGSHORE_ATTEMPT is not a number: %v", err)
	}
	if attempt < integer(arguments, 0) {
		fmt.Println("attempt", attempt, "fails")
		os.Exit(1)
	}
	fmt.Println("attempt", attempt, "succeeds")
}

// write PATH TEXT makes a file.
func write(arguments []string) {
	if err := os.WriteFile(word(arguments, 0), []byte(word(arguments, 1)), 0o644); err != nil {
		lastWords(err.Error())
		os.Exit(1)
	}
}

// fill PATH MIB makes a file of that size, and goes on until SIGTERM.
func fill(arguments []string) {
	if err := os.WriteFile(word(arguments, 0), make([]byte, integer(arguments, 1)<<20), 0o644); err != nil {
		fail("%v", err)
	}
	sleep([]string{"600"})
}

// sayLastWords TEXT CODE leaves a termination message and ends with the code.
func sayLastWords(arguments []string) {
	lastWords(word(arguments, 0))
	os.Exit(integer(arguments, 1))
}

func word(arguments []string, at int) string {
	if at >= len(arguments) {
		fail("argument %d is missing", at+1)
	}
	return arguments[at]
}

func integer(arguments []string, at int) int {
	value, err := strconv.Atoi(word(arguments, at))
	if err != nil {
		fail("argument %d: %v", at+1, err)
	}
	return value
}
