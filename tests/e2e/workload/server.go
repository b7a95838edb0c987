package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// serve answers on $PORT, of $LISTEN or all addresses and after $START_SECONDS, until SIGTERM, and then finishes the requests that it has begun.
func serve() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	if seconds := os.Getenv("START_SECONDS"); seconds != "" {
		time.Sleep(time.Duration(integer([]string{seconds}, 0)) * time.Second)
	}
	server := &http.Server{Addr: os.Getenv("LISTEN") + ":" + port, Handler: routes(), ReadHeaderTimeout: 5 * time.Second}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	stopped := make(chan error, 1)
	go func() {
		<-stop.Done()
		limit, done := context.WithTimeout(context.Background(), 20*time.Second)
		defer done()
		stopped <- server.Shutdown(limit)
	}()
	fmt.Printf("version %s listens on %s\n", version(), port)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		lastWords(err.Error())
		os.Exit(1)
	}
	if err := <-stopped; err != nil {
		fail("requests were cut off: %v", err)
	}
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "version %s\n", version())
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("UNHEALTHY") != "" {
			http.Error(w, "not today", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/burn", func(w http.ResponseWriter, r *http.Request) {
		burn(time.Duration(number(r, "ms", 100)) * time.Millisecond)
		fmt.Fprintln(w, "burnt")
	})
	mux.HandleFunc("/alloc", func(w http.ResponseWriter, r *http.Request) {
		keep(number(r, "mb", 1))
		fmt.Fprintln(w, "allocated")
	})
	mux.HandleFunc("/exit", func(_ http.ResponseWriter, r *http.Request) {
		os.Exit(number(r, "code", 1))
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.Getenv(r.URL.Query().Get("name")))
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, r.URL.Query().Get("path"))
	})
	return mux
}

func number(r *http.Request, name string, otherwise int) int {
	if value, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
		return value
	}
	return otherwise
}

func burn(duration time.Duration) {
	var sum uint64
	for end := time.Now().Add(duration); time.Now().Before(end); {
		for i := range uint64(10_000) {
			sum = sum*31 + i
		}
	}
	_ = sum
}

var (
	kept  [][]byte
	guard sync.Mutex
)

// keep holds on to so many MiB, each page written, so that they count.
func keep(mib int) {
	guard.Lock()
	defer guard.Unlock()
	for range mib {
		block := make([]byte, 1<<20)
		for at := 0; at < len(block); at += 4096 {
			block[at] = 1
		}
		kept = append(kept, block)
	}
}
