package edge

import (
	"encoding/binary"

	"github.com/roostws/roost/auth"
)

// claims are what a connection's identity comes to, as one string of its loop's
// arena: the user behind a byte for its length; then, where there is more, the
// info behind two, and the rooms it may join and publish to, packed.
type claims []byte

// appendClaims packs an identity, behind what is in b already. Grants: its rooms are of use later.
func appendClaims(b []byte, id *auth.Identity, grants bool) claims {
	if id.User == "" && len(id.Info) == 0 && !grants {
		return b
	}
	b = append(b, byte(len(id.User)))
	b = append(b, id.User...)
	if len(id.Info) == 0 && !grants {
		return b
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(id.Info)))
	b = append(b, id.Info...)
	if grants {
		b = id.Publish.AppendPacked(id.Rooms.AppendPacked(b))
	}
	return b
}

// user is the name; empty without one. A part of c, as all that follows.
func (c claims) user() []byte {
	if len(c) == 0 {
		return nil
	}
	return c[1 : 1+c[0]]
}

// info is JSON, or nil.
func (c claims) info() []byte {
	if len(c) == 0 || len(c) == 1+int(c[0]) {
		return nil
	}
	rest := c[1+int(c[0]):]
	n := int(binary.LittleEndian.Uint16(rest))
	if n == 0 {
		return nil
	}
	return rest[2 : 2+n]
}

// grants are the packed patterns; nil where they are not kept.
func (c claims) grants() []byte {
	if len(c) == 0 || len(c) == 1+int(c[0]) {
		return nil
	}
	rest := c[1+int(c[0]):]
	return rest[2+int(binary.LittleEndian.Uint16(rest)):]
}

// mayJoin says whether the claims allow a room.
func (c claims) mayJoin(room string) bool {
	g := c.grants()
	return len(g) > 0 && auth.MatchPacked(g, room)
}

// mayPublish says whether the claims allow to publish to a room.
func (c claims) mayPublish(room string) bool {
	g := c.grants()
	return len(g) > 0 && auth.MatchPacked(auth.SkipPacked(g), room)
}
