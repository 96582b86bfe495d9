package hostile

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// bearer asks for /echo with a token.
func bearer(token string) func(*server) string { return with("Authorization: Bearer " + token) }

const unauthorized = "401 unauthorized"

func hs256() claims { return claims{"alg": "HS256", "typ": "JWT"} }

// good are the claims of a good token.
func good() claims { return claims{"sub": "mallory", "exp": time.Now().Add(time.Hour).Unix()} }

func goodBut(name string, value any) claims {
	c := good()
	c[name] = value
	return c
}

func body(c claims) string {
	b, _ := json.Marshal(c)
	return string(b)
}

// unsigned is a good token without its signature.
func unsigned(header claims) string {
	t := signed(header, good(), jwtSecret)
	return t[:strings.LastIndexByte(t, '.')+1]
}

var tokens = []attack{
	{name: "a good token", run: bearer(token("mallory", nil)), want: "101"},
	{name: "no token", run: with(), want: unauthorized},
	{name: "alg none", run: bearer(unsigned(claims{"alg": "none"})), want: unauthorized},
	{name: "alg None, nOnE, and nothing", run: bearer(unsigned(claims{"alg": "nOnE"})), want: unauthorized},
	{name: "no alg", run: bearer(signed(claims{"typ": "JWT"}, good(), jwtSecret)), want: unauthorized},
	{name: "an alg that was not asked for", run: bearer(signed(claims{"alg": "HS512"}, good(), jwtSecret)), want: unauthorized},
	{name: "an alg of keys that are public", run: bearer(signed(claims{"alg": "RS256"}, good(), jwtSecret)), want: unauthorized},
	{name: "alg twice, the last of which counts", run: bearer(seal(`{"alg":"HS256","alg":"none"}`, body(good()), jwtSecret)), want: unauthorized},
	{name: "a list of algs", run: bearer(signed(claims{"alg": []string{"HS256"}}, good(), jwtSecret)), want: unauthorized},
	{name: "an extension that must be understood", run: bearer(signed(claims{"alg": "HS256", "crit": []string{"x"}, "x": 1}, good(), jwtSecret)), want: unauthorized},
	{name: "a key by its path", run: bearer(signed(claims{"alg": "HS256", "kid": "../../../../dev/null"}, good(), "")), want: unauthorized},
	{name: "a key by a URL", run: bearer(signed(claims{"alg": "HS256", "jku": "http://127.0.0.1:1/keys"}, good(), "x")), want: unauthorized},
	{name: "another secret", run: bearer(signed(hs256(), good(), strings.Repeat("x", 32))), want: unauthorized},
	{name: "no secret", run: bearer(signed(hs256(), good(), "")), want: unauthorized},
	{name: "no signature", run: bearer(unsigned(hs256())), want: unauthorized},
	{name: "half a signature", run: bearer(token("mallory", nil)[:len(token("mallory", nil))-20]), want: unauthorized},
	{name: "a signature with more behind", run: bearer(token("mallory", nil) + "AAAA"), want: unauthorized},
	{name: "a signature with padding", run: bearer(token("mallory", nil) + "="), want: unauthorized},
	{name: "four parts", run: bearer(token("mallory", nil) + ".x"), want: unauthorized},
	{name: "dots", run: bearer(strings.Repeat(".", 7000)), want: unauthorized},
	{name: "a token that has ended", run: bearer(token("mallory", claims{"exp": time.Now().Add(-time.Minute).Unix()})), want: unauthorized},
	{name: "a token without an end", run: bearer(signed(hs256(), claims{"sub": "mallory"}, jwtSecret)), want: unauthorized},
	{name: "an end that is text", run: bearer(signed(hs256(), goodBut("exp", "9999999999"), jwtSecret)), want: unauthorized},
	{name: "an end of null", run: bearer(signed(hs256(), goodBut("exp", nil), jwtSecret)), want: unauthorized},
	{name: "an end past all numbers", run: bearer(seal(`{"alg":"HS256"}`, `{"sub":"mallory","exp":1e400}`, jwtSecret)), want: unauthorized},
	{name: "a negative end", run: bearer(signed(hs256(), goodBut("exp", -1), jwtSecret)), want: unauthorized},
	{name: "a token of tomorrow", run: bearer(token("mallory", claims{"nbf": time.Now().Add(24 * time.Hour).Unix()})), want: unauthorized},
	{name: "an end twice", run: bearer(seal(`{"alg":"HS256"}`, fmt.Sprintf(`{"sub":"mallory","exp":1,"exp":%d}`, time.Now().Unix()+99), jwtSecret)), want: unauthorized},
	{name: "a user of 201 bytes", run: bearer(token(strings.Repeat("u", 201), nil)), want: unauthorized},
	{name: "a user that is a number", run: bearer(token("", claims{"sub": 1})), want: unauthorized},
	{name: "a user with a line's end", run: bearer(token("a\r\nSet-Cookie: a=b", nil)), want: unauthorized},
	{name: "rooms that are no list", run: bearer(token("mallory", claims{"rooms": "*"})), want: unauthorized},
	{name: "65 patterns", run: bearer(token("mallory", claims{"rooms": repeat("a*", 65)})), want: unauthorized},
	{name: "a pattern of stars", run: asking(handshake("GET /rooms/"+strings.Repeat("a", 190)+" HTTP/1.1", "Authorization: Bearer "+token("mallory", claims{"rooms": []string{strings.Repeat("*a", 99) + "b"}}))), want: "403 forbidden"},
	{name: "info of 1,025 bytes", run: bearer(token("mallory", claims{"info": stars(1023)})), want: unauthorized},
	{name: "claims 3,000 deep", run: bearer(seal(`{"alg":"HS256"}`, `{"sub":"mallory","exp":9999999999,"x":`+nested(1000)+`}`, jwtSecret)), want: "101"},
	{name: "claims that are no JSON", run: bearer(seal(`{"alg":"HS256"}`, `{"sub":"mallory"`, jwtSecret)), want: unauthorized},
	{name: "claims that are no text", run: bearer(seal(`{"alg":"HS256"}`, "{\"sub\":\"\xff\",\"exp\":9999999999}", jwtSecret)), want: unauthorized},
	{name: "another scheme", run: with("Authorization: Basic " + token("mallory", nil)), want: unauthorized},
	{name: "Authorization twice", run: with("+Authorization: Bearer x", "+Authorization: Bearer "+token("mallory", nil)), want: malformed},
	{name: "two tokens in two places", run: asking(handshake("GET /echo?token="+token("eve", nil)+" HTTP/1.1", "Authorization: Bearer "+token("mallory", nil))), want: malformed},
	{name: "two tokens in the URL", run: path("/echo?token=" + token("eve", nil) + "&token=" + token("mallory", nil)), want: "101"},
	{name: "two tokens in cookies", run: with("+Cookie: session=" + token("eve", nil) + "; session=" + token("mallory", nil)), want: malformed},
	{name: "two tokens as subprotocols", run: with("Sec-WebSocket-Protocol: bearer." + token("eve", nil) + ", bearer." + token("mallory", nil)), want: malformed},
	{name: "a token and a ticket", run: path("/echo?ticket=x&token=" + token("mallory", nil)), want: malformed},
	{name: "a ticket that is none", run: path("/echo?ticket=" + strings.Repeat("A", 4000)), want: unauthorized},
	{name: "a ticket taken by 100 at once", run: oneTicket, want: "1 let in"},
	{name: "a room that the token does not name", run: asking(handshake("GET /rooms/other HTTP/1.1", "Authorization: Bearer "+token("mallory", claims{"rooms": []string{"mine"}}))), want: "403 forbidden"},
	{name: "such a room beside one that it names", run: asking(handshake("GET /rooms/mine?rooms=other HTTP/1.1", "Authorization: Bearer "+token("mallory", claims{"rooms": []string{"mine"}}))), want: "403 forbidden"},
	{name: "more connections than a user may have", run: tooMany, want: "3 let in, 7 429 rate_limited"},
	{name: "2,000 tokens with another signature", run: guessing, want: "2000 401 unauthorized"},
}

// origin asks with a good token, as a page of somebody else would with a cookie.
func origin(lines ...string) func(*server) string {
	return with(append(lines, "Cookie: session="+token("mallory", nil))...)
}

const foreign = "403 forbidden"

var origins = []attack{
	{name: "an Origin that is allowed", run: origin("Origin: https://app.example.com"), want: "101"},
	{name: "another", run: origin("Origin: https://evil.com"), want: foreign},
	{name: "null", run: origin("Origin: null"), want: foreign},
	{name: "an empty one, as no browser sends", run: origin("Origin:"), want: "101"},
	{name: "one that ends likewise", run: origin("Origin: https://evilexample.com"), want: foreign},
	{name: "one that begins likewise", run: origin("Origin: https://app.example.com.evil.com"), want: foreign},
	{name: "one with a user", run: origin("Origin: https://app.example.com@evil.com"), want: foreign},
	{name: "one with a path", run: origin("Origin: https://evil.com/.example.com"), want: foreign},
	{name: "one with a backslash", run: origin(`Origin: https://evil.com\.example.com`), want: foreign},
	{name: "one with a fragment", run: origin("Origin: https://evil.com#.example.com"), want: foreign},
	{name: "another scheme", run: origin("Origin: http://app.example.com"), want: foreign},
	{name: "another port", run: origin("Origin: https://app.example.com:8443"), want: foreign},
	{name: "two of them", run: origin("+Origin: https://evil.com", "+Origin: https://app.example.com"), want: malformed},
	{name: "a list of them", run: origin("Origin: https://evil.com, https://app.example.com"), want: foreign},
	{name: "a file's", run: origin("Origin: file://"), want: foreign},
	{name: "one of 7,000 bytes", run: origin("Origin: https://" + strings.Repeat("a.", 3000) + "example.com.evil.com"), want: foreign},
}

func TestHostile_Authorization(t *testing.T) {
	s := start(t, 0, "--auth", "jwt", "--jwt-secret", jwtSecret, "--token-cookie", "session", "--origin", "https://*.example.com", "--max-per-user", "3", "--admin-secret", adminSecret)
	s.suffer(t, tokens)
	s.suffer(t, origins)
}

// oneTicket is used by many at the same time.
func oneTicket(s *server) string {
	_, body := s.call("POST", "/v1/tickets", `{"sub":"ticket","rooms":["*"]}`)
	var ticket struct{ Ticket string }
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || ticket.Ticket == "" {
		return body
	}
	in := 0
	for _, came := range atOnce(100, path("/echo?ticket="+ticket.Ticket), s) {
		if came == "101" {
			in++
		} else if came != unauthorized {
			return came
		}
	}
	return fmt.Sprint(in, " let in")
}

// atOnce does something many times at the same time.
func atOnce(n int, do func(*server) string, s *server) []string {
	all := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i] = do(s) })
	}
	wg.Wait()
	return all
}

func tooMany(s *server) string {
	var w words
	for range 10 {
		p := s.dial()
		defer p.close()
		p.send(handshake("GET /echo HTTP/1.1", "Authorization: Bearer "+token("greedy", nil)))
		if came := p.answer(); came != "101" {
			w.add(came)
		} else {
			w.add("let in")
		}
	}
	return w.String()
}

func guessing(s *server) string {
	var w words
	t := token("admin", nil)
	for i := range 20 {
		for _, came := range atOnce(100, bearer(fmt.Sprintf("%s%05dAAAA", t[:len(t)-9], i)), s) {
			w.add(came)
		}
	}
	return w.String()
}
