package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	coder "github.com/coder/websocket"
)

// Bystanders are two clients that behave: one of /echo and a native one. They use
// a library that the server does not, and come by TLS where the server speaks it.
type bystanders struct {
	echo, native *coder.Conn
}

// giveUp is when a bystander that is not answered fails, rather than waited long.
const giveUp = 15 * time.Second

func (s *server) bystand() (*bystanders, error) {
	ctx, cancel := context.WithTimeout(context.Background(), giveUp)
	defer cancel()
	options := coder.DialOptions{HTTPHeader: map[string][]string{"Authorization": {"Bearer " + token("bystander", nil)}}}
	url := "ws://" + s.client
	if s.trust != nil {
		url = "wss://" + s.client
		options.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: s.trust, DialContext: s.behindProxy}}
	}
	echo, _, err := coder.Dial(ctx, url+"/echo", &options)
	if err != nil {
		return nil, err
	}
	native, _, err := coder.Dial(ctx, url+"/ws", &options)
	if err != nil {
		return nil, err
	}
	if _, b, err := native.Read(ctx); err != nil || !strings.Contains(string(b), "welcome") {
		return nil, fmt.Errorf("no welcome but %s, %w", b, err)
	}
	return &bystanders{echo, native}, nil
}

// behindProxy makes a connection that begins as a proxy would have it.
func (s *server) behindProxy(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		_, err = io.WriteString(c, s.proxy)
	}
	return c, err
}

func (b *bystanders) leave() {
	_ = b.echo.Close(coder.StatusNormalClosure, "")
	_ = b.native.Close(coder.StatusNormalClosure, "")
}

// during does something, and says how long a bystander had to wait meanwhile. Each
// is served once at least.
func (b *bystanders) during(do func()) (longest time.Duration, err error) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for err == nil {
			var waited time.Duration
			if waited, err = b.round(); waited > longest {
				longest = waited
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	do()
	close(stop)
	<-done
	return longest, err
}

// round has each bystander served once, and gives the longer wait.
func (b *bystanders) round() (time.Duration, error) {
	a, err := ask(b.echo, "still there?", "still there?")
	c, err2 := ask(b.native, `{"type":"ping"}`, `{"type":"pong"}`)
	return max(a, c), errors.Join(err, err2)
}

func ask(c *coder.Conn, text, want string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), giveUp)
	defer cancel()
	began := time.Now()
	if err := c.Write(ctx, coder.MessageText, []byte(text)); err != nil {
		return 0, err
	}
	_, b, err := c.Read(ctx)
	if err == nil && string(b) != want {
		err = fmt.Errorf("%q, not %q", b, want)
	}
	return time.Since(began), err
}
