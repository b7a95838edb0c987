// Answers in every protocol that an app may speak, and asks through a gateway.
//
//	protocols serve ADDRESS [CERTIFICATE KEY]
//	protocols get URL ADDRESS PROTOCOL
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3:])
		return
	}
	if err := get(os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
}

func serve(address string, certificate []string) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: address, Protocols: protocols, Handler: http.HandlerFunc(answer)}
	if len(certificate) == 2 {
		log.Fatal(server.ListenAndServeTLS(certificate[0], certificate[1]))
	}
	log.Fatal(server.ListenAndServe())
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Upgrade") == "websocket":
		echo(w)
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
	default:
		fmt.Fprintf(w, "%s %s%s", r.Proto, r.URL.Path, os.Getenv("SIGNED"))
	}
}

// echo takes the connection over, as a server of WebSockets does, and sends back what comes.
func echo(w http.ResponseWriter) {
	connection, buffer, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprint(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	io.Copy(connection, buffer)
}

func get(url, address, protocol string) error {
	if protocol == "websocket" {
		return websocket(url, address)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(protocol == "http1")
	protocols.SetHTTP2(protocol != "http1")
	protocols.SetUnencryptedHTTP2(protocol != "http1")
	dialer := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	transport := &http.Transport{
		Protocols: protocols, DialContext: dialer, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test compares the certificate's name
	}
	request, _ := http.NewRequest("POST", url, strings.NewReader("hello"))
	if protocol == "grpc" {
		request.Header.Set("Content-Type", "application/grpc")
		request.Header.Set("TE", "trailers")
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second, CheckRedirect: stay}
	reply, err := client.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return err
	}
	if to := reply.Header.Get("Location"); to != "" {
		body = []byte(to)
	}
	fmt.Printf("%d|%s|%s|%s", reply.StatusCode, reply.Proto, body, reply.Trailer.Get("Grpc-Status"))
	if reply.TLS != nil {
		fmt.Printf("|%s", reply.TLS.PeerCertificates[0].Subject.CommonName)
	}
	fmt.Println()
	return nil
}

func websocket(url, address string) error {
	host := strings.TrimPrefix(url, "http://")
	connection, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
	reader := bufio.NewReader(connection)
	reply, err := http.ReadResponse(reader, nil)
	if err != nil || reply.StatusCode != 101 {
		return fmt.Errorf("no upgrade: %v %v", reply, err)
	}
	fmt.Fprint(connection, "ping\n")
	line, err := reader.ReadString('\n')
	fmt.Printf("%d|%s\n", reply.StatusCode, strings.TrimSpace(line))
	return err
}
