package broker

import (
	"math"
	"unsafe"
)

// AnyVersion is the base of a change that does not care which version it replaces.
const AnyVersion = math.MaxUint64

// A document is the state of a room that has one. Guarded by its part's mu, but
// nobody changes the bytes of data.
type document struct {
	data    []byte
	version uint64
}

const documentCost = int64(unsafe.Sizeof(document{}))

// Document gives a room's document, which is not to be changed, and its version;
// 0: none was set.
func (m *Memory) Document(name string) (doc []byte, version uint64) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.document(name)
}

func (p *part) document(name string) ([]byte, uint64) {
	if r := p.rooms[name]; r != nil && r.document != nil {
		return r.document.data, r.document.version
	}
	return nil, 0
}

// Change puts doc in the place of version base of a room's document, or of whatever
// there is where base is AnyVersion; base 0 is a room without one. It calls deliver
// with the new version and with the room held: deliver must not block or call the
// broker. Doc is kept, and nobody may change it any more.
//
// It gives what is in force after it. Ok is false, and nothing has changed, where
// the version is another, or there is no place: ErrMemory, which a document that
// becomes smaller never gets; ErrRooms for a room that was not known.
func (m *Memory) Change(name string, now int64, base uint64, doc []byte, deliver func(version uint64)) (present []byte, version uint64, ok bool, err error) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock() // also when deliver panics
	m.tidy(p, now, tidiedByCall)
	present, version = p.document(name)
	if base != AnyVersion && base != version {
		return present, version, false, nil
	}
	more := int64(len(doc) - len(present))
	if version == 0 {
		more += documentCost
	}
	if !m.reserve(more) {
		return present, version, false, ErrMemory
	}
	r := p.rooms[name]
	if r == nil {
		if r, err = m.open(p, name); err != nil {
			m.documentBytes.Add(-more)
			return nil, 0, false, err
		}
	}
	if r.document == nil {
		p.unlink(r) // it is never forgotten
		r.document = new(document)
		p.documents++
	}
	r.last = now
	*r.document = document{doc, version + 1}
	deliver(version + 1)
	return doc, version + 1, true, nil
}

// reserve takes bytes of what documents may take together, or gives some back.
func (m *Memory) reserve(more int64) bool {
	for {
		n := m.documentBytes.Load()
		if more > 0 && n+more > m.cfg.DocumentMemory {
			return false
		}
		if m.documentBytes.CompareAndSwap(n, n+more) {
			return true
		}
	}
}
