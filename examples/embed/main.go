// Embed shows roost inside a Go program: an order service that pushes what
// becomes of an order to whoever watches it.
//
//	go run ./examples/embed
//
// Watch order 7 (any WebSocket client will do, such as npx wscat -c):
//
//	ws://127.0.0.1:8090/orders/7
//
// and move it on:
//
//	curl -X POST http://127.0.0.1:8091/orders/7/shipped
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/roostws/roost/edge"
)

// orders is the program's part in the server: who may watch what, and what
// clients may say.
type orders struct{ log *slog.Logger }

// Upgrade lets a client watch one order. It runs before the answer, so that the
// client misses nothing that is published after it.
func (o *orders) Upgrade(r *edge.Request) error {
	id, ok := strings.CutPrefix(r.Path, "/orders/")
	if !ok || id == "" {
		return &edge.Refusal{Status: 404, Code: "not_found", Message: "orders are at /orders/ID"}
	}
	return r.Join("order." + id)
}

func (o *orders) Open(c edge.Conn) {
	o.log.Info("somebody watches", "conn", c.Name(), "from", c.Remote())
}

// Message answers what a client asks: this one knows "time" alone.
func (o *orders) Message(c edge.Conn, m edge.Message) {
	if string(m.Data) == "time" {
		_ = c.Send(edge.Message{Data: []byte(time.Now().UTC().Format(time.RFC3339))})
		return
	}
	_ = c.Close(1008, "only time can be asked for")
}

func (o *orders) Closed(c edge.Conn, why edge.Reason) {
	o.log.Info("somebody left", "conn", c.Name(), "why", why)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "address for WebSocket clients")
	api := flag.String("api", "127.0.0.1:8091", "address of the order service")
	flag.Parse()
	if err := run(*listen, *api); err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

func run(listen, api string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	push, err := edge.New(edge.Config{Listen: []string{listen}, Logger: log}, &orders{log})
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}/{state}", func(w http.ResponseWriter, r *http.Request) {
		event, _ := json.Marshal(map[string]string{"order": r.PathValue("id"), "state": r.PathValue("state")})
		at, err := push.Publish("order."+r.PathValue("id"), edge.Message{Data: event})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintf(w, "published as number %d\n", at.Offset)
	})
	service := &http.Server{Addr: api, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := service.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the order service failed", "error", err)
			stop()
		}
	}()

	fmt.Printf("watch  ws://%s/orders/7\nmove   curl -X POST http://%s/orders/7/shipped\n", push.Addrs()[0], api)
	err = push.Run(ctx) // until a signal; then it says goodbye to all
	_ = service.Close()
	return err
}
