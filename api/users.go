package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/roostws/roost/edge"
)

// sendUser sends the body to all connections of a user.
func (s *service) sendUser(w http.ResponseWriter, q *http.Request) {
	if f := bare(q); f != nil {
		fail(w, f)
		return
	}
	var m edge.Message
	b, f := s.message(q, &m)
	if f != nil {
		fail(w, f)
		return
	}
	defer b.release()
	user := q.PathValue("user")
	n, err := s.edge.SendUser(user, m)
	s.reached(w, user, n, err)
}

// disconnectUser ends all connections of a user.
func (s *service) disconnectUser(w http.ResponseWriter, q *http.Request) {
	reconnect, f := ending(q)
	if f != nil {
		fail(w, f)
		return
	}
	user := q.PathValue("user")
	n, err := s.edge.DisconnectUser(user, reconnect)
	s.reached(w, user, n, err)
}

// ending reads a request that ends connections, and says whether they may come back.
func ending(q *http.Request) (reconnect bool, f *failure) {
	query, f := parameters(q, "reconnect")
	if f != nil {
		return false, f
	}
	if f := noBody(q); f != nil {
		return false, f
	}
	return flag(query, "reconnect")
}

// reached answers how many connections of a user something was done to.
func (s *service) reached(w http.ResponseWriter, user string, n int, err error) {
	if err != nil {
		fail(w, s.refused(err, user))
		return
	}
	line := appendString([]byte(`{"user":`), user)
	line = strconv.AppendInt(append(line, `,"connections":`...), int64(n), 10)
	send(w, append(line, '}', '\n'))
}

// user lists the connections of a user.
func (s *service) user(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	user := q.PathValue("user")
	ctx, cancel := context.WithTimeout(q.Context(), askTime)
	defer cancel()
	list, err := s.edge.User(ctx, user)
	if err != nil {
		fail(w, s.refused(err, user))
		return
	}
	head := appendString([]byte(`{"user":`), user)
	s.sendConnections(w, append(head, `,"connections":`...), list, "")
}
