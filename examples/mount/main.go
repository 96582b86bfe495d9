// Mount shows roost inside a service that was there before: a to-do list with its
// own routes, its own sessions in a cookie, and its own port. What changes is pushed
// to whoever has the list open.
//
//	go run ./examples/mount
//
// Open what it prints, in two windows. By curl:
//
//	curl -c jar -d name=alice http://127.0.0.1:8092/login
//	curl -b jar -d text=milk http://127.0.0.1:8092/lists/shared/items
//
// The service has one port: it hands /ws on to roost, which has a port of its own.
// That is easy, and costs two sockets and two goroutines a connection; where there
// are many, let clients reach roost's own port, as the page does with ?direct.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/roostws/roost/edge"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8092", "address of the service")
	push := flag.String("push", "127.0.0.1:8093", "address of roost")
	flag.Parse()
	if err := run(*listen, *push, func(format string, args ...any) { fmt.Printf(format, args...) }); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		os.Exit(1)
	}
}

// run serves until a signal comes. Say is told what there is to open.
func run(listen, pushListen string, say func(format string, args ...any)) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())

	who := newSessions()
	push, err := edge.New(edge.Config{
		Listen: []string{pushListen}, Logger: log,
		// Roost asks the service's own sessions who comes. A browser sends the cookie
		// with the handshake, to every port of the host, and whatever page asks for
		// it: so the pages that may are named.
		Auth: who, TokenCookie: cookieName,
		Origins: []string{"http://127.0.0.1:" + port, "http://localhost:" + port},
		// Clients hear of lists, and change them by the service's own routes alone.
		Rooms: []edge.RoomPolicy{{Match: "list.*", Services: true, Presence: true, Document: true}},
	}, nil)
	if err != nil {
		return err
	}
	todo := newService(who, push, log)
	mux := todo.routes()
	mux.Handle("GET /ws", toPush(push.Addrs()[0]))
	service := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = service.Serve(l) }()

	say("open    http://%s/\n", l.Addr())
	say("direct  http://%s/?direct (the page uses roost's own port, %s)\n", l.Addr(), push.Addrs()[0])
	err = push.Run(ctx) // until a signal; then it says goodbye to all
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = service.Shutdown(end)
	return err
}

// toPush hands a request on to roost. The Host stays what the browser sees, and so
// does the Origin that roost looks at.
func toPush(addr net.Addr) http.Handler {
	target := &url.URL{Scheme: "http", Host: addr.String()}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}}
}
