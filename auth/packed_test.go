package auth

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPatterns_AppendPacked_MatchesAsUnpacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab.*]{0,6}`)
		rooms := Patterns(rapid.SliceOfN(pattern, 0, 5).Draw(t, "rooms"))
		publish := Patterns(rapid.SliceOfN(pattern, 0, 5).Draw(t, "publish"))
		packed := publish.AppendPacked(rooms.AppendPacked(nil))
		room := rapid.StringMatching(`[ab.]{1,6}`).Draw(t, "room")
		if got, want := MatchPacked(packed, room), rooms.Match(room); got != want {
			t.Fatalf("rooms: %v, expected %v", got, want)
		}
		rest := SkipPacked(packed)
		if got, want := MatchPacked(rest, room), publish.Match(room); got != want {
			t.Fatalf("publish: %v, expected %v", got, want)
		}
		if len(SkipPacked(rest)) != 0 {
			t.Fatal("something follows")
		}
	})
}

func TestMatchPacked_Allocations(t *testing.T) {
	packed := Patterns{"chat.general", "user.alice.*", "a-pattern-that-is-longer-than-thirty-two-bytes.*"}.AppendPacked(nil)
	room := "a-pattern-that-is-longer-than-thirty-two-bytes.x"
	if n := testing.AllocsPerRun(100, func() {
		if !MatchPacked(packed, room) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
