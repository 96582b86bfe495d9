package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/roostws/roost/edge"
)

// closingItem is a connection that ended.
type closingItem struct {
	Conn    string `json:"conn"`
	User    string `json:"user"` // empty: none
	Kind    string `json:"kind"`
	Address string `json:"address"` // host:port; empty: not known
	Time    string `json:"time"`
	Reason  string `json:"reason"`
	By      string `json:"by"`
	Code    uint16 `json:"code,omitempty"` // 0: none
	Age     string `json:"age"`
	Heard   string `json:"heard"`  // from the last sign of life to the end
	Queued  int    `json:"queued"` // bytes
}

// closings lists the last connections that ended, the newest first.
func (s *service) closings(w http.ResponseWriter, q *http.Request) {
	query, limit, f := listing(q, "user", "reason", "conn")
	if f != nil {
		fail(w, f)
		return
	}
	filter, f := s.closingFilter(query)
	if f != nil {
		fail(w, f)
		return
	}
	after := query.Get("after")
	list, next, err := s.edge.Closings(filter, after, limit)
	if err != nil {
		fail(w, s.badCursor(err, filter.User, after))
		return
	}
	sendList(w, []byte(`{"closings":`), len(list), func(b []byte, i int) []byte {
		c := &list[i]
		return appendValue(b, closingItem{
			Conn: c.Conn, User: c.User, Kind: c.Kind, Address: address(c.Remote), Time: string(appendTime(nil, c.Time)),
			Reason: c.Reason.String(), By: c.By, Code: c.Code, Age: span(c.Age), Heard: span(c.Heard), Queued: c.Queued,
		})
	}, next)
}

// closingFilter reads what is asked for. A filter that is there and empty would
// pick all.
func (s *service) closingFilter(query url.Values) (filter edge.ClosingFilter, f *failure) {
	if users, ok := query["user"]; ok {
		if filter.User = users[0]; filter.User == "" {
			return filter, s.refused(edge.ErrUser, "")
		}
	}
	if conns, ok := query["conn"]; ok {
		if _, ok := s.edge.ParseConn(conns[0]); !ok {
			return filter, badConnection("conn", conns[0])
		}
		filter.Conn = conns[0]
	}
	if reasons, ok := query["reason"]; ok {
		filter.Reason = reasons[0]
		var known []string
		for _, c := range s.edge.Stats().Closed {
			if known = append(known, c.Label); c.Label == filter.Reason {
				return filter, nil
			}
		}
		return filter, badRequest(fmt.Sprintf("unknown reason %q: %s would be right", shorten(filter.Reason), strings.Join(known, ", ")))
	}
	return filter, nil
}
