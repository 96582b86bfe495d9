package main

import "testing"

func TestAddress_Parse_Texts(t *testing.T) {
	for text, want := range map[string]struct {
		a                    address
		everywhere, loopback bool
		dialable             string
	}{
		"127.0.0.1:8080":          {address{host: "127.0.0.1", port: 8080}, false, true, "127.0.0.1:8080"},
		":8080":                   {address{host: "", port: 8080}, true, false, "127.0.0.1:8080"},
		"0.0.0.0:1":               {address{host: "0.0.0.0", port: 1}, true, false, "127.0.0.1:1"},
		"[::]:1":                  {address{host: "::", port: 1}, true, false, "[::1]:1"},
		"[::1]:0":                 {address{host: "::1", port: 0}, false, true, "[::1]:0"},
		"[::ffff:127.0.0.1]:1":    {address{host: "::ffff:127.0.0.1", port: 1}, false, true, "[::ffff:127.0.0.1]:1"},
		"localhost:65535":         {address{host: "localhost", port: 65535}, false, true, "localhost:65535"},
		"LocalHost:1":             {address{host: "LocalHost", port: 1}, false, true, "LocalHost:1"},
		"push.example.com:443":    {address{host: "push.example.com", port: 443}, false, false, "push.example.com:443"},
		"127.8.9.10:1":            {address{host: "127.8.9.10", port: 1}, false, true, "127.8.9.10:1"},
		"localhost.example.com:1": {address{host: "localhost.example.com", port: 1}, false, false, "localhost.example.com:1"},
		"10.0.0.1:1":              {address{host: "10.0.0.1", port: 1}, false, false, "10.0.0.1:1"},
	} {
		a, err := parseAddress(text)
		if err != nil || a != want.a || a.everywhere() != want.everywhere || a.loopback() != want.loopback || a.dialable() != want.dialable {
			t.Errorf("%q is %+v, %v: everywhere %v, loopback %v, dialable %s", text, a, err, a.everywhere(), a.loopback(), a.dialable())
		}
	}
}

func TestAddress_Parse_Errors(t *testing.T) {
	for text, want := range map[string]string{
		"8080":        `"8080" has no colon: :8080 for all addresses, or 127.0.0.1:8080, would be right`,
		"localhost":   `"localhost" has no port: localhost:8080 would be right`,
		"127.0.0.1":   `"127.0.0.1" has no port: 127.0.0.1:8080 would be right`,
		"::1":         `"::1" has no port: [::1]:8080 would be right`,
		"1:2:3:x":     `"1:2:3:x" is no address: host:port such as 127.0.0.1:8080 would be right`,
		"tls://:8443": `"tls://:8443" begins with tls://: host:port such as 127.0.0.1:8080 would be right`,
		"http://a:1":  `"http://a:1" begins with http://: host:port such as 127.0.0.1:8080 would be right`,
		":http":       `":http" has a wrong port: 0 to 65535 would be right`,
		":65536":      `":65536" has a wrong port: 0 to 65535 would be right`,
		":-1":         `":-1" has a wrong port: 0 to 65535 would be right`,
		"a:":          `"a:" has a wrong port: 0 to 65535 would be right`,
		"a b:1":       `"a b:1" has a wrong host: an IP address or a name would be right`,
		"1.2.3:1":     `"1.2.3:1" has a wrong host: an IP address or a name would be right`,
		"256.0.0.1:1": `"256.0.0.1:1" has a wrong host: an IP address or a name would be right`,
		"*:8080":      `"*:8080" has a wrong host: an IP address or a name would be right`,
	} {
		if a, err := parseAddress(text); err == nil || err.Error() != want {
			t.Errorf("%q is %+v, %v; want the error %s", text, a, err, want)
		}
	}
}

func TestAddress_ParseListen(t *testing.T) {
	for text, want := range map[string]address{
		"127.0.0.1:8080":       {host: "127.0.0.1", port: 8080},
		"tls://127.0.0.1:8443": {host: "127.0.0.1", port: 8443, tls: true},
		"tls://:8443":          {port: 8443, tls: true},
		"tls://[::1]:1":        {host: "::1", port: 1, tls: true},
	} {
		if a, err := parseListen(text); err != nil || a != want {
			t.Errorf("%q is %+v, %v", text, a, err)
		}
	}
	for text, want := range map[string]string{
		"wss://:8443":       `"wss://:8443" begins with wss://: host:port such as 127.0.0.1:8080, or tls://:8443, would be right`,
		"tls://tls://:8443": `"tls://tls://:8443" begins with tls://: host:port such as 127.0.0.1:8080, or tls://:8443, would be right`,
		"tls://8443":        `"8443" has no colon: :8443 for all addresses, or 127.0.0.1:8443, would be right`,
	} {
		if a, err := parseListen(text); err == nil || err.Error() != want {
			t.Errorf("%q is %+v, %v; want the error %s", text, a, err, want)
		}
	}
}

func FuzzAddress_Parse(f *testing.F) {
	for _, s := range []string{"127.0.0.1:8080", ":0", "[::1%lo]:1", "a.b:1", "tls://:1", "]:1["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err == nil && a.everywhere() && a.loopback() {
			t.Fatalf("%q is everywhere and loopback", s)
		}
	})
}
