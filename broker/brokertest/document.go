package brokertest

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/roostws/roost/broker"
)

// change changes a document, or fails the test, and checks that it was told of.
func change(t testing.TB, b Broker, room string, base uint64, doc string, want uint64) {
	t.Helper()
	var told []uint64
	present, version, ok, err := b.Change(room, start, base, []byte(doc), func(v uint64) { told = append(told, v) })
	if err != nil || !ok || version != want || string(present) != doc || len(told) != 1 || told[0] != want {
		t.Fatalf("%q on version %d: %q, version %d, %v, %v, told %d; expected version %d", doc, base, present, version, ok, err, told, want)
	}
}

// refused expects that a change is not made, and that nobody is told.
func refused(t testing.TB, b Broker, room string, base uint64, doc string, wantDoc string, wantVersion uint64, wantErr error) {
	t.Helper()
	present, version, ok, err := b.Change(room, start, base, []byte(doc), func(v uint64) { t.Errorf("told of version %d", v) })
	if ok || !errors.Is(err, wantErr) || string(present) != wantDoc || version != wantVersion {
		t.Fatalf("%q on version %d: %q, version %d, %v, %v; expected %q, version %d, %v", doc, base, present, version, ok, err, wantDoc, wantVersion, wantErr)
	}
	if doc, version := b.Document(room); string(doc) != wantDoc || version != wantVersion {
		t.Fatalf("the document is %q, version %d; expected %q, version %d", doc, version, wantDoc, wantVersion)
	}
}

func testDocumentVersions(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	refused(t, b, "r", 1, `{}`, "", 0, nil)
	if at, ok := b.Top("r"); ok {
		t.Errorf("what was refused opened the room at %+v", at)
	}
	change(t, b, "r", 0, `{}`, 1)
	refused(t, b, "r", 0, `{"a":1}`, `{}`, 1, nil)
	refused(t, b, "r", 2, `{"a":1}`, `{}`, 1, nil)
	change(t, b, "r", 1, `{"a":1}`, 2)
	change(t, b, "r", broker.AnyVersion, `{"a":2}`, 3)
	change(t, b, "new", broker.AnyVersion, `[]`, 1)

	at := publish(t, b, "r", "text", keeps(5))
	s := snapshot(t, b, "r", start, nil)
	if s.Position != at || at.Offset != 1 || string(s.Document) != `{"a":2}` || s.Version != 3 {
		t.Errorf("after a message at %+v is known %+v", at, s)
	}
	if s := snapshot(t, b, "r", start, &broker.Position{Epoch: at.Epoch}); !s.Recovered || len(s.Messages) != 1 || s.Version != 3 {
		t.Errorf("with a message to recover is known %+v", s)
	}
	if doc, version := b.Document("never"); doc != nil || version != 0 {
		t.Errorf("a room that is not known has %q, version %d", doc, version)
	}
}

func testDocumentMemory(t *testing.T, make Make) {
	const most = 10_000
	b := make(t, broker.Config{DocumentMemory: most})
	half, third := strings.Repeat("5", most/2+1), strings.Repeat("3", most/3)
	change(t, b, "a", 0, half, 1)
	change(t, b, "b", 0, third, 1)
	refused(t, b, "b", 1, half, third, 1, broker.ErrMemory)
	refused(t, b, "c", 0, third, "", 0, broker.ErrMemory)
	refused(t, b, "c", 1, third, "", 0, nil)
	change(t, b, "b", 1, third[1:], 2)
	change(t, b, "a", 1, `{}`, 2)
	change(t, b, "c", 0, third, 1)
	change(t, b, "b", broker.AnyVersion, half, 3)
}

// Many change one document at once: each version is made once, and each change that
// was made is made on the one before.
func testDocumentEachVersionOnce(t *testing.T, make Make) {
	const writers, each = 8, 100
	b := make(t, broker.Config{})
	var told []uint64 // guarded by the room
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for made := 0; made < each; {
				doc, version := b.Document("r")
				n, _ := strconv.Atoi(string(doc))
				_, _, ok, err := b.Change("r", start, version, strconv.AppendInt(nil, int64(n)+1, 10), func(v uint64) { told = append(told, v) })
				if err != nil {
					t.Error(err)
					return
				}
				if ok {
					made++
				}
			}
		})
	}
	wg.Wait()
	if doc, version := b.Document("r"); string(doc) != strconv.Itoa(writers*each) || version != writers*each {
		t.Errorf("the document is %s, version %d; expected %d", doc, version, writers*each)
	}
	for i, v := range told {
		if v != uint64(i)+1 {
			t.Fatalf("the %d-th that is told of is version %d", i+1, v)
		}
	}
}
