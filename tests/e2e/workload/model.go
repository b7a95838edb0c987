package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// grpcServing and grpcNotServing are answers of the standard health service, framed as gRPC does.
var (
	grpcServing    = []byte{0, 0, 0, 0, 2, 8, 1}
	grpcNotServing = []byte{0, 0, 0, 0, 2, 8, 2}
)

// model PATH SECONDS serves y = a x + b, with a and b from the file, once it has taken so long to load them. Until then
// its gRPC health service says that it doesn't serve.
func model(arguments []string) {
	var slope, offset float64
	var loaded atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("POST /grpc.health.v1.Health/Check", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		answer := grpcNotServing
		if loaded.Load() {
			answer = grpcServing
		}
		_, _ = w.Write(answer)
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("Grpc-Status", "0")
	})
	mux.HandleFunc("GET /predict", func(w http.ResponseWriter, r *http.Request) {
		x, err := strconv.ParseFloat(r.URL.Query().Get("x"), 64)
		if err != nil || !loaded.Load() {
			http.Error(w, "no number, or no model yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "{\"y\": %g}\n", slope*x+offset)
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: ":8080", Handler: mux, Protocols: protocols, ReadHeaderTimeout: 5 * time.Second}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		time.Sleep(time.Duration(integer(arguments, 1)) * time.Second)
		content, err := os.ReadFile(word(arguments, 0))
		if err == nil {
			_, err = fmt.Sscan(string(content), &slope, &offset)
		}
		if err != nil {
			lastWords("cannot load the model: " + err.Error())
			os.Exit(1)
		}
		loaded.Store(true)
		fmt.Println("the model is loaded")
	}()
	go func() {
		<-stop.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		lastWords(err.Error())
		os.Exit(1)
	}
}
