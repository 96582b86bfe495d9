package proxyproto

import (
	"bytes"
	"net/netip"
)

// MaxHops is how many entries of a header are walked: who is behind more proxies
// than that counts as the last of them.
const MaxHops = 32

// Client gives the address that a request comes from: peer, or where that is
// trusted, what the headers say, which are only read. A header is walked from its
// end, where the nearest proxy wrote, over all that are trusted, to the first that is
// not: the client. An entry that names no address (unknown, a hidden name, a
// mistake) ends the walk at the last good one. IPv4 comes in its own form.
//
// Where a request has an X-Forwarded-For, its Forwarded (RFC 7239) is not looked at.
// nginx and HAProxy write the first unless told otherwise, and hand on the second as
// the client wrote it; if Forwarded won, anybody behind them could be whom they
// like. So a proxy that writes Forwarded must take X-Forwarded-For away; or the
// caller, who knows which header is its proxies' own, gives nil for the other.
//
// Headers that come several times are joined by commas. It costs no allocation
// unless an entry is not sound.
func (t Trusted) Client(peer netip.Addr, xForwardedFor, forwarded []byte) netip.Addr {
	client := peer.Unmap()
	if !t.Has(client) {
		return client
	}
	list, next := xForwardedFor, nextXForwardedFor
	if len(list) == 0 {
		list, next = forwarded, nextForwarded
	}
	for hops := 0; hops < MaxHops && len(list) > 0; hops++ {
		rest, a, ok := next(list)
		if !ok {
			break
		}
		client, list = a, rest
		if !t.Has(client) {
			break
		}
	}
	return client
}

// nextXForwardedFor reads the last entry of an X-Forwarded-For.
func nextXForwardedFor(list []byte) (rest []byte, a netip.Addr, ok bool) {
	i := bytes.LastIndexByte(list, ',')
	a, ok = parseNode(trim(list[i+1:]))
	return list[:max(i, 0)], a, ok
}

// nextForwarded reads the last entry of a Forwarded.
func nextForwarded(list []byte) (rest []byte, a netip.Addr, ok bool) {
	rest, entry := cutLast(list)
	a, ok = parseForwarded(trim(entry))
	return rest, a, ok
}

// cutLast cuts the last entry off a Forwarded, at the last comma that is in no
// quotes. It reads from the end, because a quote that a client left open must not
// swallow what proxies wrote behind it.
func cutLast(b []byte) (rest, entry []byte) {
	quoted := false
	for i := len(b) - 1; i >= 0; i-- {
		switch b[i] {
		case '"':
			escapes := 0
			for i > 0 && b[i-1] == '\\' {
				i--
				escapes++
			}
			if !quoted || escapes%2 == 0 {
				quoted = !quoted
			}
		case ',':
			if !quoted {
				return b[:i], b[i+1:]
			}
		}
	}
	return nil, b
}

// parseForwarded reads the address that an entry of Forwarded has as its for. Pairs
// may be empty, as the RFC has it, and have spaces around them, as it has not.
func parseForwarded(entry []byte) (a netip.Addr, ok bool) {
	for len(entry) > 0 {
		if entry[0] == ';' {
			entry = trim(entry[1:])
			continue
		}
		name, value, rest, sound := cutPair(entry)
		if !sound {
			return netip.Addr{}, false
		}
		entry = rest
		if !isFor(name) {
			continue
		}
		if ok { // two of them
			return netip.Addr{}, false
		}
		if a, ok = parseNode(value); !ok {
			return netip.Addr{}, false
		}
	}
	return a, ok
}

// isFor says whether b is "for", in any case.
func isFor(b []byte) bool {
	return len(b) == 3 && b[0]|0x20 == 'f' && b[1]|0x20 == 'o' && b[2]|0x20 == 'r'
}

// cutPair cuts NAME=VALUE off; rest begins with the semicolon behind it, or is empty.
// The value comes without its quotes, but with the backslashes within, which no
// address has.
func cutPair(b []byte) (name, value, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '=')
	if i <= 0 || bytes.ContainsAny(b[:i], "\"; \t") {
		return nil, nil, nil, false
	}
	name, b = b[:i], b[i+1:]
	if len(b) == 0 || b[0] != '"' {
		end := bytes.IndexByte(b, ';')
		if end < 0 {
			end = len(b)
		}
		value, rest = trim(b[:end]), b[end:]
		return name, value, rest, bytes.IndexByte(value, '"') < 0
	}
	end := 1
	for end < len(b) && b[end] != '"' {
		if b[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(b) {
		return nil, nil, nil, false
	}
	value, rest = b[1:end], trim(b[end+1:])
	return name, value, rest, len(rest) == 0 || rest[0] == ';'
}

// trim cuts spaces and tabs from both ends.
func trim(b []byte) []byte { return bytes.Trim(b, " \t") }
