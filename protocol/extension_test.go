package protocol

import (
	"strings"
	"testing"
)

const (
	yes      = deflateAnswer
	yes15    = deflateAnswerWindow
	declined = ""
)

func TestAcceptDeflate(t *testing.T) {
	for _, c := range []struct{ offers, want string }{
		// What browsers and libraries send.
		{"permessage-deflate", yes},
		{"permessage-deflate; client_max_window_bits", yes},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", yes},
		{"permessage-deflate; client_no_context_takeover; client_max_window_bits", yes},
		{"permessage-deflate;client_max_window_bits=15;server_no_context_takeover", yes},

		// RFC 7692, 7.1.1: no value.
		{"permessage-deflate; server_no_context_takeover=1", declined},
		{"permessage-deflate; server_no_context_takeover=true", declined},
		{"permessage-deflate; client_no_context_takeover=0", declined},
		{`permessage-deflate; client_no_context_takeover="1"`, declined},

		// 7.1.2.1: a value, from 8 to 15; what is smaller than the largest is not offered.
		{"permessage-deflate; server_max_window_bits", declined},
		{"permessage-deflate; server_max_window_bits=15", yes15},
		{`permessage-deflate; server_max_window_bits="15"`, yes15},
		{`permessage-deflate; server_max_window_bits="\15"`, yes15},
		{`permessage-deflate; server_max_window_bits="1\5"`, yes15},
		{"permessage-deflate; server_max_window_bits=14", declined},
		{"permessage-deflate; server_max_window_bits=9", declined},
		{"permessage-deflate; server_max_window_bits=8", declined},
		{"permessage-deflate; server_max_window_bits=7", declined},
		{"permessage-deflate; server_max_window_bits=16", declined},
		{"permessage-deflate; server_max_window_bits=015", declined},
		{"permessage-deflate; server_max_window_bits=+15", declined},
		{"permessage-deflate; server_max_window_bits=0xf", declined},
		{"permessage-deflate; server_max_window_bits=151", declined},

		// 7.1.2.2: a value or none, from 8 to 15.
		{"permessage-deflate; client_max_window_bits=8", yes},
		{"permessage-deflate; client_max_window_bits=9", yes},
		{"permessage-deflate; client_max_window_bits=10", yes},
		{`permessage-deflate; client_max_window_bits="12"`, yes},
		{"permessage-deflate; client_max_window_bits=7", declined},
		{"permessage-deflate; client_max_window_bits=16", declined},
		{"permessage-deflate; client_max_window_bits=20", declined},
		{"permessage-deflate; client_max_window_bits=08", declined},
		{"permessage-deflate; client_max_window_bits=0", declined},
		{"permessage-deflate; client_max_window_bits=x", declined},
		{"permessage-deflate; client_max_window_bits=100", declined},

		// 7.1: unknown and repeated parameters.
		{"permessage-deflate; level=9", declined},
		{"permessage-deflate; x", declined},
		{"permessage-deflate; Client_Max_Window_Bits", declined},
		{"permessage-deflate; client_max_window_bits; client_max_window_bits", declined},
		{"permessage-deflate; client_max_window_bits=15; client_max_window_bits=15", declined},
		{"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", declined},
		{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", declined},
		{"permessage-deflate; client_no_context_takeover; x; client_no_context_takeover", declined},

		// 5.1: several offers, by preference.
		{"permessage-deflate; server_max_window_bits=10, permessage-deflate", yes},
		{"permessage-deflate; server_max_window_bits=9, permessage-deflate; server_max_window_bits=15, permessage-deflate", yes15},
		{"permessage-deflate, permessage-deflate; server_max_window_bits=15", yes},
		{"permessage-deflate; x, permessage-deflate; y", declined},
		{"x-webkit-deflate-frame, permessage-deflate", yes},
		{`foo; bar="baz"; qux, permessage-deflate; client_max_window_bits, bar`, yes},
		{"x-webkit-deflate-frame", declined},
		{"permessage-bzip2; client_no_context_takeover", declined},
		{"Permessage-Deflate", declined},
		{"permessage-deflate2", declined},
		{"permessage", declined},

		// RFC 6455, 9.1: the form. Space may stand between words, and a list has empty places.
		{"", declined},
		{",", declined},
		{" , permessage-deflate ,, ", yes},
		{"\tpermessage-deflate\t;\tserver_max_window_bits\t=\t15\t", yes15},
		{"permessage-deflate ; client_max_window_bits = \"10\" ", yes},

		// What is malformed anywhere is not understood at all.
		{"permessage-deflate;", declined},
		{"permessage-deflate;;client_max_window_bits", declined},
		{";permessage-deflate", declined},
		{"permessage-deflate, ;x", declined},
		{"permessage-deflate, =", declined},
		{"permessage-deflate x", declined},
		{"permessage-deflate=1", declined},
		{"permessage-deflate; client_max_window_bits=", declined},
		{"permessage-deflate; client_max_window_bits=,permessage-deflate", declined},
		{"permessage-deflate; client_max_window_bits==10", declined},
		{"permessage-deflate; client_max_window_bits=10 11", declined},
		{"permessage-deflate; =10", declined},
		{`permessage-deflate; client_max_window_bits=""`, declined},
		{`permessage-deflate; client_max_window_bits="10`, declined},
		{`permessage-deflate; client_max_window_bits="10\`, declined},
		{`permessage-deflate; client_max_window_bits="10\"`, declined},
		{`permessage-deflate; client_max_window_bits="10"1`, declined},
		{`permessage-deflate; client_max_window_bits=1"0"`, declined},
		{`permessage-deflate, foo; bar="a,b"`, declined}, // what is quoted is no token
		{`permessage-deflate, foo; bar="a b"`, declined},
		{`"permessage-deflate"`, declined},
		{`permessage-deflate; "client_max_window_bits"`, declined},
		{"permessage-deflate; cli\u00e9nt", declined},
		{"permessage-deflate, \xff", declined},
		{"permessage-deflate @", declined},
	} {
		if got := acceptDeflate([]byte(c.offers)); got != c.want {
			t.Errorf("%s\n     is answered %q\nexpected        %q", c.offers, got, c.want)
		}
	}
}

func TestHandshaker_Handshake_Deflate(t *testing.T) {
	const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	for name, c := range map[string]struct {
		head   string
		accept bool
		want   string
	}{
		"accepted":             {request("/", offer), true, yes},
		"not wanted":           {request("/", offer), false, ""},
		"not offered":          {request("/"), true, ""},
		"with the window":      {request("/", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n"), true, yes15},
		"in the second line":   {request("/", "Sec-WebSocket-Extensions: x\r\n", strings.ToLower(offer)), true, yes},
		"malformed":            {request("/", "Sec-WebSocket-Extensions: ;;=\"\r\n", offer), true, ""},
		"a quote over 2 lines": {request("/", "Sec-WebSocket-Extensions: x; y=\"\r\n", "Sec-WebSocket-Extensions: \"; z, permessage-deflate\r\n"), true, ""},
		"an empty header":      {request("/", "Sec-WebSocket-Extensions:\r\n"), true, ""},
	} {
		for _, conn := range []string{"", "abc"} {
			d := &asked{decision: Decision{Connection: conn, Deflate: c.accept}}
			out := NewHandshaker(d).Handshake([]byte(c.head))
			resp, _ := answer(t, "GET", out)
			got := strings.Join(resp.Header["Sec-Websocket-Extensions"], "|")
			if out.Status != 101 || got != c.want || out.Deflate != (c.want != "") || resp.Header.Get("Roost-Connection") != conn {
				t.Errorf("%s: %d, deflate %v, %q, expected %q, %v", name, out.Status, out.Deflate, got, c.want, resp.Header)
			}
		}
	}
}

// What one connection negotiated is not the next one's.
func TestHandshaker_Handshake_DeflateIsForgotten(t *testing.T) {
	d := &asked{decision: Decision{Deflate: true}}
	h := NewHandshaker(d)
	with := []byte(request("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n"))
	if out := h.Handshake(with); !out.Deflate {
		t.Fatal("not accepted")
	}
	if out := h.Handshake([]byte(request("/"))); out.Deflate || strings.Contains(string(out.Reply), "permessage") {
		t.Errorf("%+v: %s", out, out.Reply)
	}
	d.decision.Reject = rejectHost
	if out := h.Handshake(with); out.Deflate || strings.Contains(string(out.Reply), "Extensions") {
		t.Errorf("refused: %+v: %s", out, out.Reply)
	}
	d.decision = Decision{Park: true, Deflate: true}
	if out := h.Handshake(with); out.Deflate || !out.Parked {
		t.Errorf("parked: %+v", out)
	}
}

func TestRequest_Extensions(t *testing.T) {
	var got string
	d := &asked{saw: func(q *Request) { got = string(q.Extensions) }}
	NewHandshaker(d).Handshake([]byte(request("/", "Sec-WebSocket-Extensions: a; b\r\nSEC-WEBSOCKET-EXTENSIONS:  c\r\n")))
	if got != "a; b,c" {
		t.Errorf("%q", got)
	}
}

// acceptPlainly is acceptDeflate in another manner: it splits where no quote is
// open. It gives the same answer, or says that list is malformed.
func acceptPlainly(list string) string {
	answer := ""
	for _, place := range splitUnquoted(list, ',') {
		if trimmed(place) == "" {
			continue
		}
		fields := splitUnquoted(place, ';')
		if !token(trimmed(fields[0])) {
			return ""
		}
		seen, ok, window := map[string]bool{}, true, false
		for _, field := range fields[1:] {
			name, value, has := strings.Cut(field, "=")
			name, value = trimmed(name), trimmed(value)
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				var plain string
				for body := value[1 : len(value)-1]; body != ""; body = body[1:] {
					switch {
					case body[0] == '"', body == `\`:
						return ""
					case body[0] == '\\':
						body = body[1:]
					}
					plain += body[:1]
				}
				value = plain
			}
			if !token(name) || has && !token(value) {
				return ""
			}
			bits := map[string]bool{"8": true, "9": true, "10": true, "11": true, "12": true, "13": true, "14": true, "15": true}
			switch name {
			case "server_no_context_takeover", "client_no_context_takeover":
				ok = ok && !has
			case "client_max_window_bits":
				ok = ok && (!has || bits[value])
			case "server_max_window_bits":
				ok, window = ok && value == "15", true
			default:
				ok = false
			}
			ok = ok && !seen[name]
			seen[name] = true
		}
		if answer == "" && ok && trimmed(fields[0]) == "permessage-deflate" {
			if answer = yes; window {
				answer = yes15
			}
		}
	}
	return answer
}

func trimmed(s string) string { return strings.Trim(s, " \t") }

func token(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// splitUnquoted splits where sep stands outside of quotes.
func splitUnquoted(s string, sep byte) (out []string) {
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			out, start = append(out, s[start:i]), i+1
		}
	}
	return append(out, s[start:])
}

func FuzzAcceptDeflate(f *testing.F) {
	for _, s := range []string{"permessage-deflate; client_max_window_bits", `permessage-deflate; server_max_window_bits="1\5", x; y="a"`,
		"permessage-deflate; server_max_window_bits=9, permessage-deflate", `a;b="\`, `a;b="c""d"`, "permessage-deflate; client_no_context_takeover , ,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		before := strings.Clone(list)
		in := []byte(list)
		got := acceptDeflate(in)
		if string(in) != before {
			t.Fatalf("%q was changed", before)
		}
		if want := acceptPlainly(list); got != want {
			t.Fatalf("%q is answered %q, expected %q", list, got, want)
		}
	})
}
