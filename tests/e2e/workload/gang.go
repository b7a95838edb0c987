package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

const (
	gangPort = "7000"
	patience = time.Minute
)

// allreduce N: every node of a gang gives its index plus one, and each gets the sum of all. On attempts up to
// the Nth the nodes then stay, to be killed.
func allreduce(arguments []string) {
	index, count := variable("LONGSHORE_NODE_INDEX"), variable("LONGSHORE_NODE_COUNT")
	var sum int
	if index == 0 {
		sum = gather(count)
	} else {
		sum = contribute(index + 1)
	}
	if wanted := count * (count + 1) / 2; sum != wanted {
		fail("the sum is %d instead of %d", sum, wanted)
	}
	fmt.Printf("node %d of %d: the sum is %d\n", index, count, sum)
	if variable("LONGSHORE_ATTEMPT") <= integer(arguments, 0) {
		sleep([]string{"600"})
	}
}

// gather is the main node's part: it adds up what the others send, and tells each the sum.
func gather(count int) int {
	listener, err := net.Listen("tcp", ":"+gangPort)
	check(err)
	sum, others := 1, make([]net.Conn, 0, count-1)
	for len(others) < count-1 {
		other, err := listener.Accept()
		check(err)
		sum += line(other)
		others = append(others, other)
	}
	for _, other := range others {
		_, err := fmt.Fprintln(other, sum)
		check(err)
	}
	return sum
}

// contribute is the part of every other node. The main one may start later than this one.
func contribute(part int) int {
	address := net.JoinHostPort(os.Getenv("LONGSHORE_MAIN_ADDRESS"), gangPort)
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		main, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			if time.Now().After(deadline) {
				check(err)
			}
			continue
		}
		_, err = fmt.Fprintln(main, part)
		check(err)
		return line(main)
	}
}

func line(from net.Conn) int {
	text, err := bufio.NewReader(from).ReadString('\n')
	check(err)
	number, err := strconv.Atoi(text[:len(text)-1])
	check(err)
	return number
}

func variable(name string) int {
	number, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		fail("%s is not a number: %v", name, err)
	}
	return number
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}
