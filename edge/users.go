package edge

import (
	"context"
	"errors"
	"hash/maphash"
	"math"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
)

// userHash tells users apart.
func (s *Server) userHash(user []byte) uint64 {
	return maphash.Bytes(s.seed, user)
}

// ErrUser says that a name cannot be a user's.
var ErrUser = errors.New("user is not 1 to 200 bytes of UTF-8 without control characters")

// A userPost is what a loop is to do for some of a user's connections.
type userPost struct {
	user  string
	slots []poller.Slot
	send  *parcel  // this is sent to them
	bye   *goodbye // or they are ended
}

// toUser does it. A connection that is not the user's any more is passed over. Runs on
// the loop.
func (l *loop) toUser(p *userPost) {
	if p.send != nil {
		l.srv.publishBytes.Add(-p.send.cost)
	}
	for _, s := range p.slots {
		if !l.isUser(s, p.user) {
			continue
		}
		if p.send != nil {
			l.deliver(s, true, p.send)
		} else {
			l.bye(s, p.bye.why, p.bye.code, p.bye.text)
		}
	}
}

// isUser says whether a slot is a connection of the user now.
func (l *loop) isUser(s poller.Slot, user string) bool {
	return l.Owns(s) && l.Live(s) && l.session(s).flags&upgraded != 0 && string(l.claims(l.session(s)).user()) == user
}

// connsOf gives the slots of up to most of a user's connections, by loop, and how many
// those are. ErrUser.
func (s *Server) connsOf(user string, most int) (byLoop map[int][]poller.Slot, connections int, err error) {
	switch {
	case !auth.ValidUser(user):
		return nil, 0, ErrUser
	case !s.running.Load():
		return nil, 0, ErrClosed
	}
	list := s.users.of(s.userHash([]byte(user)))
	list = list[:min(len(list), most)]
	byLoop = map[int][]poller.Slot{}
	for _, w := range list {
		byLoop[w.loop()] = append(byLoop[w.loop()], w.slot())
	}
	return byLoop, len(list), nil
}

// postUser has the loops do something for a user's connections and says how many those
// are. ErrUser.
func (s *Server) postUser(user string, prepare func(slots []poller.Slot) *userPost) (int, error) {
	byLoop, connections, err := s.connsOf(user, math.MaxInt)
	if err != nil {
		return 0, err
	}
	for loop, slots := range byLoop {
		p := prepare(slots)
		post := func() error {
			if err := s.loops[loop].Loop.Post(poller.Post{Arg: p}); err != nil {
				return ErrOverloaded
			}
			return nil
		}
		if p.send != nil {
			err = s.postParcel(p.send, post)
		} else {
			err = post()
		}
		if err != nil {
			return 0, err
		}
	}
	return connections, nil
}

// SendUser sends a message to all connections of a user and says how many those were.
// ErrUser, and the errors of Send.
func (s *Server) SendUser(user string, m Message) (connections int, err error) {
	p, err := s.parcel(&m)
	if err != nil {
		return 0, err
	}
	return s.postUser(user, func(slots []poller.Slot) *userPost {
		return &userPost{user: user, slots: slots, send: &parcel{p.raw, p.form, p.cost}}
	})
}

// DisconnectUser ends all connections of a user, with 4002 where they may come
// back and 4502 where not, and says how many those were. ErrUser.
func (s *Server) DisconnectUser(user string, reconnect bool) (connections int, err error) {
	return s.postUser(user, func(slots []poller.Slot) *userPost {
		return &userPost{user: user, slots: slots, bye: disconnect(reconnect)}
	})
}

func disconnect(reconnect bool) *goodbye {
	if reconnect {
		return &goodbye{ReasonDisconnected, 4002, "disconnected: come back"}
	}
	return &goodbye{ReasonDisconnected, 4502, "disconnected"}
}

// maxUserConns is how many connections of a user are told of.
const maxUserConns = 1000

// User tells of the connections of a user, up to a thousand. ErrUser. It waits for the
// loops, and must not be called on one.
func (s *Server) User(ctx context.Context, user string) ([]ConnInfo, error) {
	byLoop, _, err := s.connsOf(user, maxUserConns)
	if err != nil {
		return nil, err
	}
	var list []ConnInfo
	for loop, slots := range byLoop {
		l := s.loops[loop]
		if err := s.call(ctx, l, func() {
			for _, slot := range slots {
				if l.isUser(slot, user) {
					list = append(list, l.info(slot))
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	sortConns(list)
	return list, nil
}
