package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/roostws/roost/auth"
)

const (
	// ticketTTL is how long a ticket is good where --ttl does not say.
	ticketTTL = time.Minute
	// maxTicketTTL is the longest that the API makes one good for.
	maxTicketTTL = 24 * time.Hour
)

// settleTicket checks what only a ticket needs.
func (c *TokenConfig) settleTicket(o origins) error {
	if o["ttl"].rank == fromDefault {
		c.TTL = span(ticketTTL)
	}
	if time.Duration(c.TTL) > maxTicketTTL {
		return o.problem("ttl", "%s is too long for a ticket: at most 24h would be right", time.Duration(c.TTL))
	}
	return settleAPI(o, c.Admin, &c.AdminSecret, &c.AdminSecretFile)
}

// ticket has the API of a running server make a ticket.
func (c *TokenConfig) ticket(ctx context.Context, id auth.Identity) (string, error) {
	body, err := json.Marshal(struct {
		Sub     string          `json:"sub"`
		Rooms   []string        `json:"rooms,omitempty"`
		Publish []string        `json:"publish,omitempty"`
		Info    json.RawMessage `json:"info,omitempty"`
		TTL     string          `json:"ttl"`
	}{id.User, id.Rooms, id.Publish, id.Info, time.Duration(c.TTL).String()})
	if err != nil {
		return "", fmt.Errorf("write what the ticket is to say: %w", err)
	}
	api := newAPIClient(c.Admin, c.AdminSecret)
	defer api.close()
	var said struct{ Ticket string }
	if err := api.call(ctx, "POST", "/v1/tickets", string(body), &said); err != nil {
		return "", fmt.Errorf("ask for a ticket: %w", err)
	}
	return said.Ticket, nil
}
