package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const firstAnswer = 30 * time.Second

// report is what load prints when it ends.
type report struct {
	Sent     int            `json:"sent"`
	Failed   int            `json:"failed"`
	Errors   []string       `json:"errors"`
	Answers  map[string]int `json:"answers"`
	Seconds  float64        `json:"seconds"`
	SlowestS float64        `json:"slowestSeconds"`
}

// load URL RATE SECONDS sends RATE requests per second, each when it is due whatever became of the ones
// before, until the time is over or SIGTERM comes; then it prints one line of JSON. It begins when the first
// request was answered: a node's proxy may learn of a new Service later than whoever asks. Every second request
// opens a connection of its own, the others share connections, so that both ways of losing one would show.
func load(arguments []string) {
	url, rate, seconds := word(arguments, 0), integer(arguments, 1), integer(arguments, 2)
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	stop, done := context.WithTimeout(stop, time.Duration(seconds)*time.Second)
	defer done()

	clients := []*http.Client{
		{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}
	result := report{Errors: []string{}, Answers: map[string]int{}}
	var guard sync.Mutex
	var pending sync.WaitGroup
	due := time.NewTicker(time.Second / time.Duration(rate))
	defer due.Stop()
	for began := time.Now(); ; <-due.C {
		if _, err := get(clients[0], url); err == nil {
			break
		} else if time.Since(began) > firstAnswer || stop.Err() != nil {
			fail("no answer: %v", err)
		}
	}
	fmt.Println("sending")
	start := time.Now()
	for number := 0; ; number++ {
		select {
		case <-stop.Done():
			result.Seconds = time.Since(start).Seconds()
			pending.Wait()
			line, _ := json.Marshal(result)
			fmt.Fprintln(os.Stdout, string(line))
			return
		case <-due.C:
		}
		pending.Add(1)
		go func() {
			defer pending.Done()
			began := time.Now()
			answer, err := get(clients[number%len(clients)], url)
			guard.Lock()
			defer guard.Unlock()
			result.Sent++
			result.SlowestS = max(result.SlowestS, time.Since(began).Seconds())
			if err == nil {
				result.Answers[answer]++
				return
			}
			result.Failed++
			if len(result.Errors) < 20 {
				result.Errors = append(result.Errors, fmt.Sprintf("%s %v", began.Format("15:04:05.000"), err))
			}
		}()
	}
}

func get(client *http.Client, url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	return strings.TrimSpace(string(body)), nil
}
