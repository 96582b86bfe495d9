package broker

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	ms  = int64(time.Millisecond)
	sec = int64(time.Second)
)

// member is the JSON of a user.
func member(user uint64) func() []byte {
	return func() []byte { return fmt.Appendf(nil, `{"user":"%d"}`, user) }
}

func untold(t testing.TB) func() []byte {
	return func() []byte {
		t.Helper()
		t.Error("the change is asked for, though it is to be told to nobody")
		return []byte("{}")
	}
}

// flush gives what is told: `room joined[…] left[…] users/connections`, a line each.
func flush(p *Presence, now int64) string {
	var lines []string
	p.Flush(now, func(room string, c Changes) {
		line := fmt.Sprintf("%s +%s -%s %d/%d", room, c.Joined, c.Left, c.Users, c.Connections)
		if c.More {
			line += " more"
		}
		lines = append(lines, strings.NewReplacer(`{"user":"`, "", `"}`, "").Replace(line))
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, p *Presence, now int64, want string) {
	t.Helper()
	if got := flush(p, now); got != want {
		t.Errorf("at %d ms was told\n%s\nexpected\n%s", now/ms, got, want)
	}
}

func counts(t *testing.T, p *Presence, room string, users, connections int) {
	t.Helper()
	if u, c := p.Count(room); u != users || c != connections {
		t.Errorf("%s has %d users with %d connections, expected %d and %d", room, u, c, users, connections)
	}
}

func TestPresence_Flush_TellsOfFirstAndLast(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Join("r", 1, 0, member(1))
	p.Join("r", 1, 0, untold(t))
	counts(t, p, "r", 1, 2)
	expect(t, p, 0, "r +[1] -[] 1/2")
	p.Leave("r", 1, 2*sec, false, untold(t))
	expect(t, p, 2*sec, "")
	p.Leave("r", 1, 3*sec, false, member(1))
	counts(t, p, "r", 0, 0)
	expect(t, p, 3*sec, "r +[] -[1] 0/0")
	if p.Rooms() != 1 {
		t.Error("a room was forgotten before a second had passed since it was told")
	}
	expect(t, p, 4*sec, "")
	if p.Rooms() != 0 || p.Bytes() != 0 {
		t.Errorf("%d rooms are left, %d bytes", p.Rooms(), p.Bytes())
	}
}

func TestPresence_Flush_OnceASecondARoom(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Join("r", 1, 0, member(1))
	expect(t, p, 100*ms, "r +[1] -[] 1/1")
	p.Join("r", 2, 200*ms, member(2))
	p.Join("other", 3, 200*ms, member(3))
	expect(t, p, 300*ms, "other +[3] -[] 1/1")
	p.Join("r", 4, 400*ms, member(4))
	expect(t, p, 1100*ms-1, "")
	expect(t, p, 1100*ms, "r +[2 4] -[] 3/3")
	expect(t, p, 9*sec, "")
	p.Leave("r", 4, 9*sec, false, member(4))
	expect(t, p, 9*sec, "r +[] -[4] 2/2")
}

func TestPresence_Flush_WhatIsUndoneIsNotTold(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Join("r", 1, 0, member(1))
	p.Leave("r", 1, 0, false, untold(t))
	expect(t, p, 0, "")
	if p.Rooms() != 0 || p.Bytes() != 0 {
		t.Errorf("%d rooms are left, %d bytes", p.Rooms(), p.Bytes())
	}
	for user := range uint64(4) {
		p.Join("r", user, sec, member(user))
	}
	p.Leave("r", 1, sec, false, untold(t))
	expect(t, p, sec, "r +[0 3 2] -[] 3/3")
	p.Leave("r", 2, 2*sec, false, member(2))
	p.Join("r", 2, 2*sec, untold(t))
	expect(t, p, 3*sec, "")
	counts(t, p, "r", 3, 3)
}

// Whoever was given a list hears of what changed after it, if it was undone or not.
func TestPresence_Listed_UndoesNothing(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Join("r", 1, 0, member(1))
	expect(t, p, 0, "r +[1] -[] 1/1")
	p.Join("r", 2, 100*ms, member(2))
	p.Leave("r", 1, 200*ms, false, member(1))
	p.Listed("r") // with 2, without 1
	p.Listed("nobody's")
	p.Leave("r", 2, 300*ms, false, member(2))
	p.Join("r", 1, 400*ms, member(1))
	expect(t, p, sec, "r +[1] -[2] 1/1")
	p.Join("r", 2, sec+100*ms, member(2))
	p.Leave("r", 2, sec+200*ms, false, untold(t))
	expect(t, p, 2*sec, "")
}

func TestPresence_Leave_Grace(t *testing.T) {
	p := NewPresence(PresenceConfig{Grace: 5 * time.Second})
	p.Join("r", 1, 0, member(1))
	p.Join("r", 2, 0, member(2))
	expect(t, p, 0, "r +[1 2] -[] 2/2")
	p.Leave("r", 1, 10*sec, true, member(1))
	counts(t, p, "r", 2, 1)
	if gone := p.Gone("r"); len(gone) != 1 || string(gone[0]) != `{"user":"1"}` {
		t.Errorf("gone are %s", gone)
	}
	expect(t, p, 15*sec-1, "")
	p.Join("r", 1, 15*sec-1, untold(t))
	counts(t, p, "r", 2, 2)
	if gone := p.Gone("r"); gone != nil {
		t.Errorf("gone are %s", gone)
	}
	expect(t, p, 16*sec, "")

	// A second absence has a grace of its own.
	p.Leave("r", 1, 17*sec, true, member(1))
	p.Join("r", 1, 18*sec, untold(t))
	p.Leave("r", 1, 19*sec, true, member(1))
	expect(t, p, 24*sec-1, "")
	expect(t, p, 24*sec, "r +[] -[1] 1/1")
	counts(t, p, "r", 1, 1)

	// Once the leave waits to be told, coming back still undoes it.
	p.Leave("r", 2, 19*sec+ms, true, member(2))
	expect(t, p, 24*sec+ms, "")
	counts(t, p, "r", 0, 0)
	p.Join("r", 2, 24*sec+2*ms, untold(t))
	expect(t, p, 26*sec, "")
	counts(t, p, "r", 1, 1)
}

func TestPresence_Leave_WithoutJoin(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Leave("r", 1, 0, false, untold(t))
	p.Join("r", 1, 0, member(1))
	p.Leave("r", 2, 0, true, untold(t))
	p.Leave("r", 1, 0, true, member(1))
	p.Leave("r", 1, 0, true, untold(t))
	p.Leave("r", 1, 0, false, untold(t))
	counts(t, p, "r", 1, 0)
	if p.Gone("never") != nil {
		t.Error("somebody is gone from a room that nobody knows")
	}
}

// What is told of a herd is bounded; its number is exact.
func TestPresence_Flush_More(t *testing.T) {
	const most, n = 10, 50
	p := NewPresence(PresenceConfig{MaxTold: most, Grace: 5 * time.Second})
	asked := 0
	count := func() []byte { asked++; return []byte("{}") }
	for user := range uint64(n) {
		p.Join("r", user, 0, count)
	}
	told := 0
	check := func(joined, left, users, connections int) func(string, Changes) {
		return func(_ string, c Changes) {
			told++
			if len(c.Joined) != joined || len(c.Left) != left || !c.More || c.Users != users || c.Connections != connections {
				t.Errorf("told %+v", c)
			}
		}
	}
	p.Flush(0, check(most, 0, n, n))
	for user := range uint64(n) {
		p.Leave("r", user, sec, true, count)
	}
	counts(t, p, "r", n, 0)
	if gone := p.Gone("r"); len(gone) != most {
		t.Errorf("%d are listed as gone", len(gone))
	}
	p.Flush(6*sec, check(0, most, 0, 0))
	if told != 2 || asked != 2*most {
		t.Errorf("told %d times, asked for %d members", told, asked)
	}
	p.Flush(7*sec, check(0, 0, 0, 0))
	if told != 2 || p.Rooms() != 0 || p.Bytes() != 0 {
		t.Errorf("told %d times, %d rooms, %d bytes", told, p.Rooms(), p.Bytes())
	}
}

// A user who cannot be shown changes the numbers alone.
func TestPresence_Flush_NoMember(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	nobody := func() []byte { return nil }
	p.Join("r", 1, 0, nobody)
	expect(t, p, 0, "r +[] -[] 1/1 more")
	p.Leave("r", 1, 0, true, nobody)
	if gone := p.Gone("r"); gone != nil {
		t.Errorf("gone are %q", gone)
	}
	expect(t, p, 9*sec, "r +[] -[] 0/0 more")
}

// The JSON that waits is bounded over all rooms.
func TestPresence_Join_WaitingIsBounded(t *testing.T) {
	const each = 1 << 20
	p := NewPresence(PresenceConfig{})
	large := make([]byte, each)
	for i := range 2 * maxWaiting / each {
		p.Join(name(i), 1, 0, func() []byte { return large })
	}
	if p.waiting.Load() > maxWaiting+2*each {
		t.Errorf("%d bytes wait", p.waiting.Load())
	}
	told, more := 0, 0
	p.Flush(0, func(_ string, c Changes) {
		told += len(c.Joined)
		if c.More {
			more++
		}
	})
	if told+more != 2*maxWaiting/each || told < maxWaiting/each-1 || p.waiting.Load() != 0 {
		t.Errorf("%d are told, %d are more, %d bytes wait", told, more, p.waiting.Load())
	}
}

// Tell may use Presence, so no lock is held.
func TestPresence_Flush_HoldsNoLock(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Join("r", 1, 0, member(1))
	p.Flush(0, func(room string, _ Changes) { p.Join(room, 2, 0, member(2)) })
	expect(t, p, sec, "r +[2] -[] 2/2")
}

func TestPresence_Join_Panics(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	panics := func() []byte { panic("told") }
	try := func(f func()) {
		defer func() { _ = recover() }()
		f()
	}
	try(func() { p.Join("r", 1, 0, panics) })
	try(func() { p.Leave("r", 1, 0, true, panics) })
	p.Join("r", 1, 0, untold(t))
	p.Leave("r", 1, 0, false, untold(t))
	try(func() { p.Leave("r", 1, 0, false, panics) })
	flush(p, sec)
}

// A clock that is set back delays nothing for long, and one that is a little
// behind ends no grace.
func TestPresence_Flush_ClockSetBack(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	p.Join("r", 1, 1000*sec, member(1))
	p.Join("r", 2, 1000*sec, member(2))
	expect(t, p, 1000*sec, "r +[1 2] -[] 2/2")
	p.Leave("r", 1, 1000*sec, true, member(1))
	expect(t, p, 1000*sec-ms, "")
	expect(t, p, 10*sec, "r +[] -[1] 1/1")
}

// A presenceModel knows who is present, and who was told of.
type presenceModel struct {
	connections map[uint64]int
	away        map[uint64]int64
	told        map[uint64]bool
	toldAt      int64
}

func (m *presenceModel) present() map[uint64]bool {
	here := map[uint64]bool{}
	for user, n := range m.connections {
		if n > 0 {
			here[user] = true
		}
	}
	for user := range m.away {
		here[user] = true
	}
	return here
}

func (m *presenceModel) total() (n int) {
	for _, c := range m.connections {
		n += c
	}
	return n
}

// apply changes what was told by what is told now.
func (m *presenceModel) apply(t *rapid.T, c Changes) {
	var user uint64
	for _, one := range c.Joined {
		if _, _ = fmt.Sscanf(string(one), `{"user":"%d"}`, &user); m.told[user] {
			t.Fatalf("%d is told twice to have joined", user)
		}
		m.told[user] = true
	}
	for _, one := range c.Left {
		if _, _ = fmt.Sscanf(string(one), `{"user":"%d"}`, &user); !m.told[user] {
			t.Fatalf("%d is told to have left, but not to have joined", user)
		}
		delete(m.told, user)
	}
}

// Those who listen know exactly who is there each time they are told something,
// and within a second at all times.
func TestPresence_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const grace = 3 * sec
		p := NewPresence(PresenceConfig{Grace: time.Duration(grace)})
		rooms := map[string]*presenceModel{}
		for _, name := range []string{"a", "b"} {
			rooms[name] = &presenceModel{map[uint64]int{}, map[uint64]int64{}, map[uint64]bool{}, -sec}
		}
		now := int64(0)
		room := rapid.SampledFrom([]string{"a", "a", "b"})
		users := rapid.Uint64Range(1, 14)
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { now += rapid.Int64Range(0, 1500).Draw(t, "for") * ms },
			"join": func(t *rapid.T) {
				name, user := room.Draw(t, "room"), users.Draw(t, "user")
				p.Join(name, user, now, member(user))
				rooms[name].connections[user]++
				delete(rooms[name].away, user)
			},
			"leave": func(t *rapid.T) {
				name, user, grace := room.Draw(t, "room"), users.Draw(t, "user"), rapid.Bool().Draw(t, "grace")
				p.Leave(name, user, now, grace, member(user))
				if m := rooms[name]; m.connections[user] > 0 {
					if m.connections[user]--; m.connections[user] == 0 && grace {
						m.away[user] = now
					}
				}
			},
			"flush": func(t *rapid.T) {
				for _, m := range rooms {
					for user, since := range m.away {
						if now-since >= grace {
							delete(m.away, user)
						}
					}
				}
				p.Flush(now, func(name string, c Changes) {
					m := rooms[name]
					if now-m.toldAt < sec || c.More || len(c.Joined)+len(c.Left) == 0 {
						t.Fatalf("%s is told %+v after %d ms", name, c, (now-m.toldAt)/ms)
					}
					m.apply(t, c)
					if m.toldAt = now; c.Users != len(m.present()) || c.Connections != m.total() {
						t.Fatalf("told %d/%d, there are %d/%d", c.Users, c.Connections, len(m.present()), m.total())
					}
				})
				for name, m := range rooms {
					if here := m.present(); now-m.toldAt >= sec && fmt.Sprint(m.told) != fmt.Sprint(here) {
						t.Fatalf("%s: told are %v, here are %v", name, m.told, here)
					}
				}
			},
			"": func(t *rapid.T) {
				for name, m := range rooms {
					if u, c := p.Count(name); u != len(m.present()) || c != m.total() || len(p.Gone(name)) != len(m.away) {
						t.Fatalf("%s counts %d/%d, %d gone; there are %d/%d, %d gone", name, u, c, len(p.Gone(name)), len(m.present()), m.total(), len(m.away))
					}
				}
			},
		})
	})
}

// Many come and go while it is told: in the end nobody is left, nor anything told
// that does not add up.
func TestPresence_ManyAtOnce(t *testing.T) {
	const goroutines, rounds = 4, 2000
	p := NewPresence(PresenceConfig{Grace: 1})
	var wg sync.WaitGroup
	for g := range uint64(goroutines) {
		wg.Go(func() {
			for i := range rounds {
				room := name(i % 7)
				p.Join(room, g, int64(i), member(g))
				p.Join(room, 100, int64(i), member(100))
				p.Count(room)
				p.Gone(room)
				p.Leave(room, g, int64(i), i%2 == 0, member(g))
				p.Leave(room, 100, int64(i), i%3 == 0, member(100))
			}
		})
	}
	sum, now := 0, int64(0)
	tell := func(_ string, c Changes) { sum += len(c.Joined) - len(c.Left) }
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; now += 2 * sec {
		select {
		case <-done:
			running = false
		default:
		}
		p.Flush(now, tell)
	}
	p.Flush(now, tell)
	p.Flush(now+2*sec, tell)
	if sum != 0 || p.Rooms() != 0 || p.Bytes() != 0 {
		t.Errorf("%d were told to have come and not to have gone; %d rooms, %d bytes", sum, p.Rooms(), p.Bytes())
	}
}
