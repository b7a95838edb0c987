// What users run, for tests: an HTTP server, and batch commands that end in every way.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var held [][]byte

func main() {
	arguments := append(os.Args[1:], "", "", "")
	switch arguments[0] {
	case "":
		serve()
	case "sleep":
		seconds, _ := strconv.ParseFloat(arguments[1], 64)
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		select {
		case <-ended:
			os.Exit(143)
		case <-time.After(time.Duration(seconds * float64(time.Second))):
		}
	case "exit":
		code, _ := strconv.Atoi(arguments[1])
		fmt.Println("ending with", code)
		os.Exit(code)
	case "say":
		code, _ := strconv.Atoi(arguments[2])
		os.WriteFile("/dev/termination-log", []byte(arguments[1]), 0o644)
		os.Exit(code)
	case "oom":
		for {
			allocate(8)
			time.Sleep(10 * time.Millisecond)
		}
	case "fail-before": // succeeds from this attempt on
		attempt, _ := strconv.Atoi(os.Getenv("LONGSHORE_ATTEMPT"))
		wanted, _ := strconv.Atoi(arguments[1])
		if attempt < wanted {
			os.Exit(1)
		}
	case "fail-indexes":
		index := os.Getenv("LONGSHORE_ARRAY_INDEX")
		for _, each := range strings.Split(arguments[1], ",") {
			if each == index {
				os.Exit(1)
			}
		}
	case "load": // url, requests per second, seconds: every request on a connection of its own
		load(arguments[1], arguments[2], arguments[3])
	default:
		fmt.Fprintln(os.Stderr, "unknown command", arguments[0])
		os.Exit(64)
	}
}

func allocate(megabytes int) {
	block := make([]byte, megabytes<<20)
	for place := 0; place < len(block); place += 4096 {
		block[place] = 1
	}
	held = append(held, block)
}

func serve() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	handler := http.NewServeMux()
	handler.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(answer, "version %s\n", os.Getenv("VERSION"))
	})
	handler.HandleFunc("/healthz", func(answer http.ResponseWriter, request *http.Request) { fmt.Fprintln(answer, "ok") })
	handler.HandleFunc("/burn", func(answer http.ResponseWriter, request *http.Request) {
		milliseconds, _ := strconv.Atoi(request.URL.Query().Get("ms"))
		for until := time.Now().Add(time.Duration(milliseconds) * time.Millisecond); time.Now().Before(until); {
		}
		fmt.Fprintln(answer, "burnt")
	})
	server := &http.Server{Addr: ":" + port, Handler: handler}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		<-stop.Done()
		patience, end := context.WithTimeout(context.Background(), 10*time.Second)
		defer end()
		server.Shutdown(patience)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(100 * time.Millisecond)
}

func load(url, rate, seconds string) {
	perSecond, _ := strconv.ParseFloat(rate, 64)
	duration, _ := strconv.ParseFloat(seconds, 64)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	count := int(perSecond * duration)
	results := make(chan string, count)
	ticks := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	for range count {
		<-ticks.C
		go func() {
			answer, err := client.Get(url)
			if err != nil {
				results <- err.Error()
				return
			}
			answer.Body.Close()
			if answer.StatusCode != 200 {
				results <- answer.Status
				return
			}
			results <- ""
		}()
	}
	failed := 0
	for range count {
		if failure := <-results; failure != "" {
			failed++
			if failed < 10 {
				fmt.Println("failed:", failure)
			}
		}
	}
	fmt.Printf("requests %d failed %d\n", count, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
