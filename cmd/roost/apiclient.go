package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// apiTimeout is how long the API of a running server may take to answer.
const apiTimeout = 10 * time.Second

// settleAPI checks where the API is, and reads the file of its secret.
func settleAPI(o origins, admin text, s *secret, file *text) error {
	_, err := parseAddress(string(admin))
	if err != nil {
		err = o.problem("admin", "%w", err)
	}
	return errors.Join(err, settleSecret(o, "admin-secret", s, file))
}

// An apiClient asks the API of a running server.
type apiClient struct {
	at     string // host:port
	secret secret
	http   *http.Client
}

// errNoServer is wrapped where nobody answers.
var errNoServer = errors.New("no server answers")

func newAPIClient(admin text, s secret) *apiClient {
	return &apiClient{at: dialable(string(admin), &net.UnixAddr{}), secret: s, http: &http.Client{
		Transport: &http.Transport{}, Timeout: apiTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call makes a request, and reads its answer into said where it is 200.
func (c *apiClient) call(ctx context.Context, method, path, body string, said any) error {
	ask, err := http.NewRequestWithContext(ctx, method, "http://"+c.at+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.at, err)
	}
	ask.Header.Set("Content-Type", "application/json")
	if c.secret != "" {
		ask.Header.Set("Authorization", "Bearer "+string(c.secret))
	}
	answer, err := c.http.Do(ask)
	if err != nil {
		return fmt.Errorf("%w: %w: a server that runs, with its --admin, would be right", errNoServer, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.at, err)
	}
	if answer.StatusCode == http.StatusOK {
		if err = json.Unmarshal(b, said); err == nil {
			return nil
		}
	}
	var refused struct{ Message string }
	if json.Unmarshal(b, &refused) != nil || refused.Message == "" {
		return fmt.Errorf("%s at %s is no answer of roost's API", answer.Status, c.at)
	}
	return fmt.Errorf("%s says %s", c.at, refused.Message)
}

// close lets go of the connection.
func (c *apiClient) close() { c.http.CloseIdleConnections() }
