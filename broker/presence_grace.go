package broker

// Away are the users of a room who are in their grace.
type away struct {
	of     map[uint64]*absence // by user
	listed []*absence          // those whose JSON is kept, at most MaxTold
}

// An absence is a user in grace. Guarded by its part's mu.
type absence struct {
	room          *presenceRoom
	user          uint64
	since         int64  // Unix nanoseconds
	member        []byte // JSON; nil: not kept
	at            int    // where in its room's listed, if kept
	before, after *absence
}

func (a *absence) bytes() int64 { return bytesOfAbsence + int64(len(a.member)) }

func (p *Presence) beginAbsence(part *presencePart, r *presenceRoom, user uint64, now int64, told func() []byte) {
	a := &absence{room: r, user: user, since: now}
	if (r.away == nil || len(r.away.listed) < p.maxTold) && p.waiting.Load() < maxWaiting {
		a.member = told()
	}
	if r.away == nil {
		r.away = &away{of: make(map[uint64]*absence)}
	}
	if a.member != nil {
		a.at = len(r.away.listed)
		r.away.listed = append(r.away.listed, a)
	}
	r.away.of[user] = a
	part.absence.push(a)
	p.waiting.Add(a.bytes())
}

func (p *Presence) endAbsence(part *presencePart, a *absence) {
	part.absence.unlink(a)
	p.waiting.Add(-a.bytes())
	away := a.room.away
	delete(away.of, a.user)
	if len(away.of) == 0 {
		a.room.away = nil
		return
	}
	if a.member != nil {
		last := len(away.listed) - 1
		moved := away.listed[last]
		moved.at = a.at
		away.listed[a.at] = moved
		away.listed[last] = nil
		away.listed = away.listed[:last]
	}
}

// endGraces takes users out of their rooms whose grace is over, and says whether
// there may be more of them.
func (p *Presence) endGraces(part *presencePart, now int64) (more bool) {
	part.mu.Lock()
	defer part.mu.Unlock()
	for range endedAtOnce {
		a := part.absence.first
		if a == nil || !pastBy(now, a.since, p.grace) {
			return false
		}
		p.endAbsence(part, a)
		p.left(part, a.room, a.user, func() []byte { return a.member })
	}
	return true
}

// An absenceList is a list of absences, the oldest first.
type absenceList struct{ first, last *absence }

func (l *absenceList) push(a *absence) {
	a.before = l.last
	if l.last != nil {
		l.last.after = a
	} else {
		l.first = a
	}
	l.last = a
}

func (l *absenceList) unlink(a *absence) {
	if a.before != nil {
		a.before.after = a.after
	} else {
		l.first = a.after
	}
	if a.after != nil {
		a.after.before = a.before
	} else {
		l.last = a.before
	}
	a.before, a.after = nil, nil
}
