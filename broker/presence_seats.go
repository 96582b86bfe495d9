package broker

// Seats count the connections of each user of a room; 0 connections are a user in
// grace. 32 bytes, and 16 a user up to fewSeats, some 30 beyond.
type seats struct {
	few  []seat // in no order
	many map[uint64]uint32
}

type seat struct {
	user        uint64
	connections uint32
}

const (
	// fewSeats is up to how many users a list is smaller and faster than a map.
	fewSeats = 8
	// fewAgain is at how many a map becomes a list again: some below fewSeats, so
	// that one who comes and goes does not change it each time.
	fewAgain = 4
)

func (s *seats) len() int { return len(s.few) + len(s.many) }

func (s *seats) find(user uint64) int {
	for i := range s.few {
		if s.few[i].user == user {
			return i
		}
	}
	return -1
}

// get gives a user's connections; ok is false for one who is not in the room.
func (s *seats) get(user uint64) (connections uint32, ok bool) {
	if s.many != nil {
		connections, ok = s.many[user]
		return connections, ok
	}
	if i := s.find(user); i >= 0 {
		return s.few[i].connections, true
	}
	return 0, false
}

func (s *seats) set(user uint64, connections uint32) {
	if s.many != nil {
		s.many[user] = connections
		return
	}
	if i := s.find(user); i >= 0 {
		s.few[i].connections = connections
		return
	}
	if len(s.few) < fewSeats {
		s.few = append(s.few, seat{user, connections})
		return
	}
	s.many = make(map[uint64]uint32, 2*fewSeats)
	for _, was := range s.few {
		s.many[was.user] = was.connections
	}
	s.many[user], s.few = connections, nil
}

func (s *seats) drop(user uint64) {
	if s.many == nil {
		if i := s.find(user); i >= 0 {
			last := len(s.few) - 1
			s.few[i] = s.few[last]
			s.few = s.few[:last]
		}
		return
	}
	delete(s.many, user)
	if len(s.many) > fewAgain {
		return
	}
	s.few = make([]seat, 0, fewSeats)
	for user, connections := range s.many {
		s.few = append(s.few, seat{user, connections})
	}
	s.many = nil // a map never shrinks
}
