package api

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// page serves the page and what it needs to know.
type page struct {
	cfg    Config
	client *url.URL // where clients connect; nil without Dev
}

func newPage(cfg Config) (*page, error) {
	p := &page{cfg: cfg}
	if !cfg.Dev {
		return p, nil
	}
	var err error
	p.client, err = parseClientURL(cfg.ClientURL)
	return p, err
}

// files are the files of the page by their paths.
func (p *page) files() map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{}
	entries, err := pageFiles.ReadDir("page")
	if err != nil {
		panic(err) // they are in the program
	}
	for _, e := range entries {
		content, err := pageFiles.ReadFile("page/" + e.Name())
		if err != nil {
			panic(err)
		}
		at := "/" + e.Name()
		if e.Name() == "page.html" {
			at = "/"
		}
		all[at] = p.file(e.Name(), string(content))
	}
	return all
}

// The system's own table of types is not asked: it differs between machines.
var fileTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file serves one file. Browsers keep it, and ask each time whether it has changed.
func (p *page) file(name, content string) http.HandlerFunc {
	hash := sha256.Sum256([]byte(content))
	etag := []string{`"` + hex.EncodeToString(hash[:8]) + `"`}
	kind := []string{fileTypes[path.Ext(name)]}
	return func(w http.ResponseWriter, q *http.Request) {
		h := w.Header()
		h["Content-Type"] = kind
		h["Etag"] = etag
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", p.policy(q))
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		http.ServeContent(w, q, "", time.Time{}, strings.NewReader(content))
	}
}

// policy lets the page load its own files, and speak to this server and to the
// clients' port alone.
func (p *page) policy(q *http.Request) string {
	connect := "'self'"
	if at := p.clientURL(q); at != nil {
		source := at.Scheme + "://" + at.Host
		if strings.Contains(at.Host, "[") {
			source = at.Scheme + ":" // the policy's grammar has no IPv6 addresses
		}
		connect += " " + source
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + connect +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// clientURL is where the browser that asks reaches the clients' port: under the
// name by which it reached this one, where the configured name is good on this
// machine alone. Nil without Dev.
func (p *page) clientURL(q *http.Request) *url.URL {
	if p.client == nil {
		return nil
	}
	host := hostname(q.Host)
	if !loopback(p.client.Hostname()) || loopback(host) || !plainHost(host) {
		return p.client
	}
	at := *p.client
	at.Host = net.JoinHostPort(host, at.Port())
	if at.Port() == "" {
		at.Host = strings.TrimSuffix(at.Host, ":")
	}
	return &at
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// plainHost says whether a name can stand in a header as it is.
func plainHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return !strings.Contains(host, "%")
	}
	for i := range len(host) {
		c := host[i] | 0x20
		if (c < 'a' || c > 'z') && (host[i] < '0' || host[i] > '9') && host[i] != '-' && host[i] != '.' {
			return false
		}
	}
	return host != ""
}

// The demo: the symbols of the feed, each in a room of its own, and a room to
// talk in.
var symbols = []string{"NORD", "SUD", "OST", "WEST", "ZENIT"}

const lobby = "lobby"

func tickerRoom(symbol string) string { return "ticker." + symbol }

// demo is the answer of /page.json.
type demo struct {
	Version string   `json:"version"`
	Dev     bool     `json:"dev"`
	URL     string   `json:"url,omitempty"`
	Token   string   `json:"token,omitempty"`
	Symbols []string `json:"symbols,omitempty"`
	Rooms   []string `json:"rooms,omitempty"`
	Lobby   string   `json:"lobby,omitempty"`
}

// config tells the page where clients connect.
func (p *page) config(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	d := demo{Version: p.cfg.Version}
	if at := p.clientURL(q); at != nil {
		d.Dev, d.URL, d.Token, d.Symbols, d.Lobby = true, strings.TrimSuffix(at.String(), "/"), p.cfg.DevToken, symbols, lobby
		for _, s := range symbols {
			d.Rooms = append(d.Rooms, tickerRoom(s))
		}
		d.Rooms = append(d.Rooms, lobby)
	}
	sendValue(w, d)
}
