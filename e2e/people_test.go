package e2e

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
)

// expires finds the ends of tokens and tickets.
var expires = regexp.MustCompile(`"expires":([0-9]+)`)

// maxHeard is how many messages somebody may get before they are looked at.
const maxHeard = 1000

// A person is a client of a conversation.
type person struct {
	player *player
	name   string
	conn   *coder.Conn
	heard  chan string     // what came, in order; the goodbye begins with "closed "
	ends   map[int64]int64 // of its tokens: after how long, by the Unix time
	over   bool            // the goodbye was heard
}

const binaryMark = "(binary) "

// bytes gives a message as it stands in a line.
func (p *player) bytes(text string) (data []byte, binary bool) {
	digits, binary := strings.CutPrefix(text, binaryMark)
	if !binary {
		return []byte(p.canon.mean(text)), false
	}
	data, err := hex.DecodeString(digits)
	if err != nil {
		p.fatal("%v", err)
	}
	return data, true
}

// connect has somebody ask for an upgrade. Where the backend is asked next, the
// answer comes after it.
func (p *player) connect(name string, words []string, next []string) {
	one := &person{player: p, name: name, heard: make(chan string, maxHeard), ends: map[int64]int64{}}
	p.people[name] = one
	url := "ws://" + p.server.client + p.canon.mean(words[0])
	by := "query"
	var options []string
	for _, w := range words[1:] {
		if way, ok := strings.CutPrefix(w, "by="); ok {
			by = way
		} else {
			options = append(options, w)
		}
	}
	o := &coder.DialOptions{HTTPHeader: http.Header{}}
	if len(options) > 0 {
		tok, e := p.token(options)
		one.ends[e.unix] = e.ttl
		url = one.bring(by, tok, url, o)
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		one.dial(url, o)
	}()
	if len(next) == 0 || !strings.HasPrefix(next[0], "backend ") {
		<-up
	}
}

// bring puts a token where the server looks for one.
func (one *person) bring(by, tok, url string, o *coder.DialOptions) string {
	switch by {
	case "query":
		sep := "?"
		if strings.Contains(url, "?") {
			sep = "&"
		}
		return url + sep + "token=" + tok
	case "header":
		o.HTTPHeader.Set("Authorization", "Bearer "+tok)
	case "cookie":
		o.HTTPHeader.Set("Cookie", "session="+tok)
	case "subprotocol":
		o.Subprotocols = []string{"roost.v1.json", "bearer." + tok}
	default:
		one.player.fatal("what does by=%s mean?", by)
	}
	return url
}

// dial connects, and hears what comes until the end.
func (one *person) dial(url string, o *coder.DialOptions) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, resp, err := coder.Dial(ctx, url, o)
	if err != nil {
		if resp == nil {
			one.heard <- "refused " + err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		one.heard <- strings.TrimRight(fmt.Sprintf("refused %d %s", resp.StatusCode, b), "\n")
		return
	}
	c.SetReadLimit(1 << 20)
	one.conn = c
	go one.listen()
}

func (one *person) listen() {
	for {
		kind, b, err := one.conn.Read(context.Background())
		var end coder.CloseError
		switch {
		case errors.As(err, &end):
			one.heard <- strings.TrimRight(fmt.Sprintf("closed %d %s", end.Code, end.Reason), " ")
			return
		case err != nil:
			one.heard <- "closed 1006"
			return
		case kind == coder.MessageBinary:
			one.heard <- binaryMark + hex.EncodeToString(b)
		default:
			one.heard <- string(b)
		}
	}
}

// next gives what came next, without the prefix that it must have.
func (one *person) next(prefix string) string {
	p := one.player
	p.t.Helper()
	select {
	case text := <-one.heard:
		text = p.show(text, one.ends)
		rest, ok := strings.CutPrefix(text, prefix)
		ended := strings.HasPrefix(text, "closed ") || strings.HasPrefix(text, "refused ")
		if !ok || prefix == "" && ended {
			p.fatal("%s got %s", one.name, text)
		}
		one.over = ended
		return rest
	case <-time.After(patience):
		p.fatal("%s gets nothing", one.name)
	}
	return ""
}

// send sends a message. A token that it brings is hers from then on.
func (one *person) send(text string) {
	data, binary := one.player.bytes(text)
	kind := coder.MessageText
	if binary {
		kind = coder.MessageBinary
	}
	for tok, e := range one.player.tokens {
		if strings.Contains(string(data), tok) {
			one.ends[e.unix] = e.ttl
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := one.conn.Write(ctx, kind, data); err != nil {
		one.player.fatal("%v", err)
	}
}

// close says goodbye; the answer comes as a line of its own.
func (one *person) close(code string) {
	var n int
	if _, err := fmt.Sscan(code, &n); err != nil {
		one.player.fatal("%v", err)
	}
	_ = one.conn.Close(coder.StatusCode(n), "")
	one.over = true
}

// drop ends the connection without a word.
func (one *person) drop() {
	if one.conn != nil {
		_ = one.conn.CloseNow()
	}
	one.over = true
}

// left gives what came and was not looked at, up to now.
func (one *person) left() string {
	if !one.over && one.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := one.conn.Ping(ctx); err != nil {
			return err.Error()
		}
	}
	if one.over {
		return ""
	}
	select {
	case text := <-one.heard:
		return text
	default:
		return ""
	}
}

// A backend is asked by the server, and answers what the conversation says.
type backend struct {
	server *httptest.Server
	asked  chan asked
	open   *asked
}

type asked struct {
	question string
	answer   chan string
}

func newBackend(t *testing.T) *backend {
	b := &backend{asked: make(chan asked)}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a := asked{string(body), make(chan string, 1)}
		select {
		case b.asked <- a:
		case <-r.Context().Done():
			return
		}
		select {
		case text := <-a.answer:
			_, _ = io.WriteString(w, text)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(b.server.Close)
	return b
}

func (b *backend) next(p *player) string {
	select {
	case a := <-b.asked:
		b.open = &a
		return a.question
	case <-time.After(patience):
		p.fatal("the backend is not asked")
	}
	return ""
}

func (b *backend) answer(p *player, text string) {
	if b.open == nil {
		p.fatal("the backend was not asked")
	}
	b.open.answer <- text
	b.open = nil
}
