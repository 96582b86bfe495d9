package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/roostws/roost/auth"
)

// What --dev makes: a user who may do all, for a day.
const (
	devUser = "dev"
	devTTL  = 24 * time.Hour
	devRoom = "ticker.NORD" // the feed publishes to it
)

// randomSecret is a secret for tokens that ends with the process.
func randomSecret() secret { return secret(rand.Text() + rand.Text()) }

// devAccess is what someone who tries roost needs to get in.
type devAccess struct {
	clientURL string // ws://HOST:PORT
	adminURL  string // http://HOST:PORT
	token     string // empty but with --auth jwt and a secret
	secret    bool   // the API asks for a secret
}

func newDevAccess(c *Config, clientURL, adminURL string, now time.Time) (*devAccess, error) {
	d := &devAccess{clientURL: clientURL, adminURL: adminURL, secret: c.AdminSecret != ""}
	alg := secretAlgorithm(c.JWTAlgorithms)
	if c.Auth != "jwt" || c.JWTSecret == "" || alg == "" { // others sign
		return d, nil
	}
	id := auth.Identity{
		User:    devUser,
		Expires: now.Add(devTTL).Unix(),
		Rooms:   auth.Patterns{"*"},
		Publish: auth.Patterns{"*"},
	}
	var err error
	d.token, err = auth.Mint([]byte(c.JWTSecret), alg, id, string(c.JWTIssuer), string(c.JWTAudience))
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	return d, nil
}

// roomURL is where a client reads a room.
func (d *devAccess) roomURL(room string) string {
	url := d.clientURL + "/rooms/" + room
	if d.token != "" {
		url += "?token=" + d.token
	}
	return url
}

// print writes the way in. It goes to stdout, which is no log.
func (d *devAccess) print(w io.Writer) error {
	var b strings.Builder
	line := func(name, text string) { fmt.Fprintf(&b, "  %-8s %s\n", name, text) }
	fmt.Fprintf(&b, "\nroost --dev is for trying, not for service.\n\n")
	line("admin", d.adminURL+"/")
	line("client", d.roomURL(devRoom))
	if d.token != "" {
		line("token", d.token)
	}
	header := ""
	if d.secret {
		header = `-H "Authorization: Bearer $ROOST_ADMIN_SECRET" `
	}
	fmt.Fprintf(&b, "\nWatch the ticker, or a room of your own:\n\n")
	fmt.Fprintf(&b, "  npx wscat -c '%s'\n", d.roomURL(devRoom))
	fmt.Fprintf(&b, "  npx wscat -c '%s'\n", d.roomURL("chat.1"))
	fmt.Fprintf(&b, "\nPublish to it:\n\n")
	fmt.Fprintf(&b, "  curl %s-d 'hello' %s/v1/rooms/chat.1/publish\n\n", header, d.adminURL)
	_, err := io.WriteString(w, b.String())
	return err
}

// devOrigins lets pages from the admin port and from the ports of clients in,
// under every name that this machine has for itself. Where a port can be
// reached from other machines, their name for this one is not known, and any
// will do: the token decides.
func devOrigins(c *Config, admin net.Addr) []string {
	var origins []string
	add := func(asked string, port int) {
		a, err := parseListen(asked)
		if err != nil || port == 0 {
			return // it was checked; a free port is not known yet
		}
		hosts := []string{"127.0.0.1", "localhost", "[::1]"}
		if a.everywhere() {
			hosts = []string{"*"}
		} else if !a.loopback() {
			hosts = []string{strings.TrimSuffix(net.JoinHostPort(a.host, ""), ":")}
		}
		for _, h := range hosts {
			origins = append(origins, fmt.Sprintf("%s://%s:%d", a.scheme("http"), h, port))
		}
	}
	if tcp, ok := admin.(*net.TCPAddr); ok {
		add(string(c.Admin), tcp.Port)
	}
	for _, l := range c.Listen {
		if a, err := parseListen(l); err == nil {
			add(l, a.port)
		}
	}
	return origins
}
