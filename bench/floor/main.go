// Floor is the least that a WebSocket server on epoll does, and what the ratios
// of the benchmarks are to: one loop, level-triggered, one read buffer for all;
// it keeps a byte by descriptor, and of a subscriber its descriptor in a list.
//
// It checks nothing, authenticates nobody, keeps no part of a frame and ends who
// does not keep up. GET /echo echoes; any other path subscribes, and what a
// subscriber sends goes to all subscribers. It listens at 127.0.0.1 alone.
//
//	floor PORT
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 2 {
		usage()
	}
	port, err := strconv.ParseUint(os.Args[1], 10, 16)
	if err != nil {
		usage()
	}
	s, err := newServer(int(port))
	if err == nil {
		err = s.run()
	}
	fmt.Fprintln(os.Stderr, "floor:", err)
	os.Exit(1)
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: floor PORT")
	os.Exit(2)
}
