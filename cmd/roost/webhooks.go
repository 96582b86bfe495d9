package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/roostws/roost/edge"
)

const (
	keyWebhooks      = "webhooks"
	sectionWebhooks  = "Webhooks"
	maxWebhookURL    = 2048
	maxWebhookSecret = 1024

	// envWebhookSecret goes before the secret in the file.
	envWebhookSecret = "ROOST_WEBHOOK_SECRET"
)

// webhookKeys are the keys of the section webhooks.
var webhookKeys = []setting{
	{
		name: "url", section: sectionWebhooks, places: inFile, unit: unitURL,
		meaning: "Where the backend is POSTed to: http or https with a host, up to 2048 bytes.",
		when:    "Required. Take https where the way to the backend is not your own.",
	},
	{
		name: "secret", section: sectionWebhooks, places: inFile, unit: unitText,
		meaning: "Signs what is sent, with HMAC-SHA256 in the header Roost-Signature; 1 to 1024 bytes. Without one nothing is signed. " + envWebhookSecret + " goes before it and before secret-file.",
		when:    "Set it, so that the backend can tell roost from others; leave it out where nobody else reaches the backend.",
	},
	{
		name: "secret-file", section: sectionWebhooks, places: inFile, unit: unitFile,
		meaning: "A file that holds that secret; a newline at its end is not part of it. A path begins at the file's folder.",
		when:    "Use it with the secrets of Kubernetes, Docker or systemd.",
	},
	{
		name: "events", section: sectionWebhooks, places: inFile, unit: unitChoice, many: true,
		choices: []string{"connect", "disconnect", "join", "leave", "publish", "occupied", "vacated"},
		meaning: "What the backend is told, after it happened, in batches, at least once.",
		when:    "Name what the backend acts on: each event of a busy server costs it work.",
	},
	{
		name: "ask", section: sectionWebhooks, places: inFile, unit: unitChoice, many: true, choices: []string{"connect", "join", "publish"},
		meaning: "What the backend decides before it happens, one POST each.",
		when:    "Name what tokens cannot say; with --auth webhook, connect is required.",
	},
	{
		name: "timeout", section: sectionWebhooks, places: inFile, unit: unitSpan, low: second / 100, high: 60 * second, standard: "2s",
		meaning: "How long an answer may take.",
		when:    "Lower it to what clients should wait at most for a backend that hangs.",
	},
	{
		name: "on_failure", section: sectionWebhooks, places: inFile, unit: unitChoice, choices: []string{"deny", "allow"}, standard: "deny",
		meaning: "What is decided where a backend that is asked gives no right answer in time.",
		when:    "Set allow where being served matters more than being checked.",
	},
	{
		name: "queue", section: sectionWebhooks, places: inFile, unit: unitCount, low: 100, high: 1_000_000, standard: "10000",
		meaning: "Events that may wait for the backend; past it the newest are dropped, counted and logged.",
		when:    "Raise it to lose nothing over longer failures of the backend; an event takes some hundred bytes and, with publish, the message.",
	},
}

// webhookSettings are the section webhooks: the backend that is told and asked.
type webhookSettings struct {
	// By its keys.
	URL        text
	Secret     secret
	SecretFile text // a path, from the working directory
	Events     list
	Ask        list
	Timeout    span
	OnFailure  text
	Queue      count

	// Where they stand.
	places     map[string]string // of the keys, as an error begins
	secretFrom origin
}

// section is what the file holds.
func (w *webhookSettings) section() *section {
	return &section{name: keyWebhooks, settings: webhookKeys, places: w.places, values: map[string]value{
		"url": &w.URL, "secret": &w.Secret, "secret-file": &w.SecretFile, "events": &w.Events, "ask": &w.Ask,
		"timeout": &w.Timeout, "on_failure": &w.OnFailure, "queue": &w.Queue,
	}}
}

// webhooks reads the section webhooks.
func (p *fileParser) webhooks(node ast.Node, place string) *webhookSettings {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		p.failAt(place, "%w", wrongType(node, "a mapping with "+alternatives((&section{settings: webhookKeys}).names(""))))
		return nil
	}
	w := new(webhookSettings)
	s := w.section()
	s.read(p, m)
	w.places = s.places
	if len(m.Values) == 0 {
		return w // told already
	}
	switch at := w.places["url"]; {
	case at == "":
		p.failAt(place, "url is missing: url: http://127.0.0.1:3000/roost would be right")
	case w.URL != "":
		if err := checkURL(string(w.URL)); err != nil {
			p.failAt(at, "%w", err)
		}
	}
	if w.places["events"] == "" && w.places["ask"] == "" {
		p.failAt(place, "events and ask are missing: one of the two would be right")
	}
	if at := w.places["secret-file"]; at != "" && w.places["secret"] != "" {
		p.failAt(at, "stands beside secret: one of the two would be right")
	}
	w.secretFrom = origin{fromFile, w.places["secret"]}
	if w.SecretFile != "" {
		w.secretFrom.place = w.places["secret-file"]
		if !filepath.IsAbs(string(w.SecretFile)) {
			w.SecretFile = text(filepath.Join(filepath.Dir(p.path), string(w.SecretFile)))
		}
	}
	return w
}

// checkURL checks where a backend is. The error does not hold the URL, which may
// hold a token.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case len(s) > maxWebhookURL:
		return fmt.Errorf("%d bytes are too many: at most %d would be right", len(s), maxWebhookURL)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !validPort(u.Port()):
		return errors.New("is not a URL of http or https with a host: http://127.0.0.1:3000/roost would be right")
	case u.User != nil:
		return errors.New("holds a user: a URL without one would be right; the secret shows who sends")
	case u.Fragment != "":
		return errors.New("holds a fragment (#), which is never sent: a URL without one would be right")
	}
	return nil
}

// validPort says whether s is empty or a port that can be reached.
func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

// settle takes the secret from the environment or its file, and checks it.
func (w *webhookSettings) settle(override secret) error {
	switch {
	case override != "":
		w.Secret, w.SecretFile, w.secretFrom = override, "", origin{fromEnv, envWebhookSecret}
	case w.SecretFile != "":
		s, err := readSecret(string(w.SecretFile))
		if err != nil {
			return fmt.Errorf("%s: %w", w.secretFrom.place, err)
		}
		w.Secret = s
	}
	if len(w.Secret) > maxWebhookSecret {
		return fmt.Errorf("%s: %d bytes are too many: at most %d would be right", w.secretFrom.place, len(w.Secret), maxWebhookSecret)
	}
	return nil
}

// asks says whether the backend decides on something.
func (w *webhookSettings) asks(what edge.What) bool { return slices.Contains(w.Ask, what.String()) }

// whats are the kinds of event that words name; the words were checked.
func whats(words list) []edge.What {
	var kinds []edge.What
	for _, word := range words {
		if what, ok := edge.ParseWhat(word); ok {
			kinds = append(kinds, what)
		}
	}
	return kinds
}
