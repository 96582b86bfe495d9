package brokertest

import (
	"testing"
	"time"

	"github.com/roostws/roost/broker"
)

// A Broker is what is tested. Its methods promise what those of broker.Memory do.
type Broker interface {
	Publish(room string, d broker.Delivery, t broker.Terms) (broker.Position, error)
	Snapshot(room string, now int64, since *broker.Position, f func(s broker.Snapshot))
	History(room string, now int64, since uint64, limit int) (at broker.Position, kept []broker.Kept, whole bool)
	Top(room string) (broker.Position, bool)
	Document(room string) (doc []byte, version uint64)
	Change(room string, now int64, base uint64, doc []byte, deliver func(version uint64)) (present []byte, version uint64, ok bool, err error)
}

// A Make makes an empty broker. What has to be ended with it is ended by t.Cleanup.
type Make = func(t testing.TB, cfg broker.Config) Broker

// Run runs all tests.
func Run(t *testing.T, make Make) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, make Make)
	}{
		{"Publish_Counts", testPublishCounts},
		{"Publish_OneOrder", testPublishOneOrder},
		{"Snapshot_OpensTheRoom", testSnapshotOpens},
		{"Snapshot_Recovers", testSnapshotRecovers},
		{"Snapshot_HistoryTooShort", testSnapshotTooShort},
		{"Snapshot_PastTheirTime", testSnapshotExpired},
		{"Snapshot_NothingKept", testSnapshotNothingKept},
		{"Snapshot_TooMuch", testSnapshotTooMuch},
		{"Snapshot_Gapless", testSnapshotGapless},
		{"History_Pages", testHistoryPages},
		{"Once_Repeats", testOnceRepeats},
		{"Once_ManyGoroutines", testOnceManyGoroutines},
		{"Document_Versions", testDocumentVersions},
		{"Document_Memory", testDocumentMemory},
		{"Document_EachVersionOnce", testDocumentEachVersionOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, make) })
	}
}

// start is when tests begin, in Unix nanoseconds: about now, for brokers that keep
// the time of what they keep elsewhere.
var start = time.Now().UnixNano()

// after is a time of a test.
func after(d time.Duration) int64 { return start + int64(d) }

// keeps are terms under which a room keeps a number of messages for a minute.
func keeps(n int) broker.Terms { return broker.Terms{Now: start, Size: n, TTL: time.Minute} }

// A message counts where it was delivered.
type message struct {
	text string
	got  []broker.Position // guarded by the room while it is delivered
}

func (m *message) Deliver(at broker.Position) { m.got = append(m.got, at) }
func (m *message) Size() int                  { return len(m.text) }

// publish publishes a message that has to be delivered, or fails the test.
func publish(t testing.TB, b Broker, room, text string, terms broker.Terms) broker.Position {
	t.Helper()
	m := message{text: text}
	at, err := b.Publish(room, &m, terms)
	if err != nil || len(m.got) != 1 || m.got[0] != at {
		t.Fatalf("%q has the place %+v and was delivered at %+v: %v", text, at, m.got, err)
	}
	return at
}

// snapshot gives what a Snapshot tells, with a copy of the messages.
func snapshot(t testing.TB, b Broker, room string, now int64, since *broker.Position) (s broker.Snapshot) {
	t.Helper()
	calls := 0
	b.Snapshot(room, now, since, func(given broker.Snapshot) {
		calls++
		s = given
		s.Messages = append([]broker.Kept(nil), given.Messages...)
	})
	if calls != 1 {
		t.Fatalf("a snapshot was given %d times", calls)
	}
	return s
}

// expectKept compares messages with the texts that were published from an offset on.
func expectKept(t testing.TB, kept []broker.Kept, from uint64, texts ...string) {
	t.Helper()
	if len(kept) != len(texts) {
		t.Fatalf("%d messages, expected %q", len(kept), texts)
	}
	for i, k := range kept {
		if k.Offset != from+uint64(i) || k.Delivery.(*message).text != texts[i] {
			t.Errorf("message %d has offset %d and text %q, expected %d and %q", i, k.Offset, k.Delivery.(*message).text, from+uint64(i), texts[i])
		}
	}
}
