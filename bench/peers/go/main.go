// Command peers holds what Longshore is measured against, and the driver of the load:
//
//	peers raw       sends the writes of a reconcile as fast as a Go client can, and reads nothing
//	peers operator  a small operator on controller-runtime that does the same reconcile
//	peers drive     submits one step of the load and waits until the operator has done its part
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	commands := map[string]func(context.Context, []string) error{"raw": raw, "operator": operate, "drive": drive}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peers raw | operator | drive")
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
