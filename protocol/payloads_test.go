package protocol

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A payload is one of those that docs/deflate.md tells of.
type payload struct {
	name string
	data []byte
}

// payloads are messages as services send them: names repeat, and identifiers,
// numbers and times do not. They are the same each time.
func payloads() []payload {
	return []payload{
		{"chat", chat()},
		{"ticker", ticker()},
		{"event", event()},
		{"document", document()},
		{"list", list(98)},
		{"long-list", list(315)},
		{"random", random()},
	}
}

// A maker makes the parts of payloads.
type maker struct{ *rand.Rand }

func newMaker() maker { return maker{rand.New(rand.NewPCG(7692, 1951))} }

func (m maker) id() string {
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", m.Uint32(), m.IntN(1<<16), m.IntN(1<<12), 0x8000|m.IntN(1<<14), m.Uint64N(1<<48))
}

func (m maker) time() string {
	return fmt.Sprintf("2026-03-%02dT%02d:%02d:%02d.%03dZ", 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(60), m.IntN(1000))
}

func (m maker) price() float64 { return float64(m.IntN(10_000_00)) / 100 }

func (m maker) of(words string) string {
	all := strings.Fields(words)
	return all[m.IntN(len(all))]
}

const prose = `the order was packed this morning and leaves with our next truck tomorrow please ask customer whether
	an earlier delivery would still help them since half of what they need is in stock here but two parts come from
	another warehouse where somebody counts again because numbers did not match last week thank you for patience`

func (m maker) text(words int) string {
	var b strings.Builder
	for range words {
		b.WriteString(m.of(prose) + " ")
	}
	return strings.TrimSpace(b.String())
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func chat() []byte {
	return []byte(`{"user":"alice","text":"shall we meet at noon?","at":1767225}`)
}

func ticker() []byte {
	m := newMaker()
	type quote struct {
		Symbol string  `json:"symbol"`
		Bid    float64 `json:"bid"`
		Ask    float64 `json:"ask"`
		Last   float64 `json:"last"`
		Volume int     `json:"volume"`
		Time   string  `json:"time"`
	}
	quotes := []quote{}
	for _, s := range []string{"ACME", "INTX", "ROST"} {
		quotes = append(quotes, quote{s, m.price(), m.price(), m.price(), m.IntN(1_000_000), m.time()})
	}
	return encode(quotes)
}

func event() []byte {
	m := newMaker()
	return encode(map[string]any{
		"event": "order.updated", "id": m.id(), "time": m.time(), "tenant": "acme-gmbh", "order": m.id(), "status": "shipped", "previous": "packed",
		"customer": map[string]any{"id": m.id(), "name": "Ada Lovelace", "email": "ada.lovelace@example.com"},
		"total":    m.price(), "currency": "EUR", "items": m.IntN(20), "carrier": "northmail", "tracking": fmt.Sprint(m.Uint64N(1e15)),
		"address": map[string]any{"street": "12 St James's Square", "city": "London", "zip": "SW1Y 4JH", "country": "GB"},
	})
}

func document() []byte {
	m := newMaker()
	comments := []any{}
	for range 8 {
		comments = append(comments, map[string]any{"id": m.id(), "author": m.of("alice bob carol dave"), "at": m.time(), "text": m.text(12)})
	}
	return encode(map[string]any{"id": m.id(), "title": m.text(6), "version": 17, "body": m.text(60), "tags": []string{"orders", "delivery"}, "comments": comments})
}

func list(n int) []byte {
	m := newMaker()
	rows := []any{}
	for range n {
		rows = append(rows, map[string]any{"id": m.id(), "name": m.of("bolt nut washer screw hinge bracket") + " M" + fmt.Sprint(m.IntN(20)), "price": m.price(),
			"stock": m.IntN(5000), "active": m.IntN(4) > 0, "updated": m.time(), "warehouse": m.of("north south east west"), "note": m.text(3)})
	}
	return encode(rows)
}

// random is a picture or a key: JSON about bytes that cannot be compressed, but for
// the quarter that base64 adds.
func random() []byte {
	m := newMaker()
	b := make([]byte, 1500)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return encode(map[string]string{"name": "thumb.webp", "data": base64.StdEncoding.EncodeToString(b)})
}
