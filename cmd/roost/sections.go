package main

import (
	"errors"
	"fmt"

	"github.com/roostws/roost/edge"
)

// sections are what the file alone can say.
type sections struct {
	// As the file has them.
	rooms    []roomRule
	roomsAt  string           // where they stand, as an error begins
	webhooks *webhookSettings // nil: none
	secret   secret           // of webhooks, by the environment; empty: none

	// After settle.
	policies []edge.RoomPolicy
}

// settle reads the files that the sections name and checks them against the
// settings. All errors come back joined.
func (s *sections) settle(c *Config, o origins) error {
	var errs []error
	var err error
	if s.rooms != nil {
		o[keyRooms] = origin{fromFile, s.roomsAt} // for what the edge says of them
	}
	if s.policies, err = policies(s.rooms); err != nil {
		errs = append(errs, err)
	}
	if s.webhooks != nil {
		errs = append(errs, s.webhooks.settle(s.secret))
	}
	if c.Auth == "webhook" && (s.webhooks == nil || !s.webhooks.asks(edge.WhatConnect)) {
		errs = append(errs, o.problem("auth", "webhook needs a backend that is asked: webhooks.url, and connect in webhooks.ask, in the file of --config would be right"))
	}
	return errors.Join(errs...)
}

// oddities names what has no effect or an unlikely one, and is no error.
func (s *sections) oddities(c *Config) []string {
	var odd []string
	for i := range s.rooms {
		if r := &s.rooms[i]; r.schema != "" && r.publish == "services" && r.document == "" {
			odd = append(odd, r.places["schema"]+" has no effect with publish: services, since no client publishes there")
		}
	}
	w := s.webhooks
	if w == nil {
		if s.secret != "" {
			odd = append(odd, envWebhookSecret+" has no effect without the section webhooks in a file")
		}
		return odd
	}
	if c.Auth == "webhook" && w.OnFailure == "allow" {
		odd = append(odd, fmt.Sprintf("%s: with --auth webhook, who connects while the backend fails is anonymous and may join nothing", w.places["on_failure"]))
	}
	if len(w.Ask) == 0 && w.places["on_failure"] != "" {
		odd = append(odd, w.places["on_failure"]+" has no effect without ask")
	}
	return odd
}
