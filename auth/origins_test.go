package auth

import (
	"strings"
	"testing"
)

func TestOrigins_Allow(t *testing.T) {
	star := []string{"https://*.example.com"}
	for name, c := range map[string]struct {
		patterns     []string
		origin, host string
		want         bool
	}{
		"none":                  {nil, "", "a", true},
		"none, with patterns":   {[]string{"https://a"}, "", "a", true},
		"same host":             {nil, "https://Example.com", "example.COM", true},
		"same host, port":       {nil, "http://a:8080", "a:8080", true},
		"default port":          {nil, "https://a:443", "a", true},
		"default port, host's":  {nil, "http://a", "a:80", true},
		"default port, colon":   {nil, "http://a", "a:", true},
		"other's default port":  {nil, "http://a", "a:443", false},
		"other port":            {nil, "http://a", "a:8080", false},
		"no port":               {nil, "http://a:8080", "a", false},
		"ipv6":                  {nil, "http://[::1]:80", "[::1]", true},
		"ipv6, port":            {nil, "http://[::1]:8080", "[::1]:8080", true},
		"ipv6, other":           {nil, "http://[::1]", "[::2]", false},
		"other host":            {nil, "https://b", "a", false},
		"no host":               {nil, "https://", "", false},
		"no scheme":             {nil, "a", "a", false},
		"other scheme":          {nil, "chrome-extension://a", "a", false},
		"host in the path":      {nil, "https://evil/@a", "a", false},
		"user":                  {nil, "https://evil@a", "a", false},
		"path":                  {nil, "https://a/", "a", false},
		"two":                   {nil, "https://a https://b", "a", false},
		"null":                  {nil, "null", "null", false},
		"null, listed":          {[]string{"null"}, "null", "a", true},
		"null, not listed":      {star, "null", "a", false},
		"null, star in host":    {[]string{"https://*"}, "null", "a", false},
		"all":                   {[]string{"*"}, "null", "a", true},
		"all, beside another":   {[]string{"https://b", "*"}, "http://c:1", "a", true},
		"listed":                {[]string{"https://a.example"}, "https://A.example", "b", true},
		"listed in capitals":    {[]string{"HTTPS://A.Example"}, "https://a.example", "b", true},
		"listed, other scheme":  {[]string{"https://a.example"}, "http://a.example", "b", false},
		"listed, port":          {[]string{"https://a.example:8443"}, "https://a.example:8443", "b", true},
		"listed, no port":       {[]string{"https://a.example:8443"}, "https://a.example", "b", false},
		"listed, default port":  {[]string{"https://a.example:443"}, "https://a.example", "b", true},
		"listed, said default":  {[]string{"https://a.example"}, "https://a.example:443", "b", true},
		"listed, other port":    {[]string{"https://a.example"}, "https://a.example:444", "b", false},
		"same host, not listed": {[]string{"https://a.example"}, "https://b", "b", false},
		"the second":            {[]string{"https://a.example", "https://b.example"}, "https://b.example", "c", true},
		"extension":             {[]string{"chrome-extension://abcdef"}, "chrome-extension://abcdef", "b", true},
		"subdomain":             {star, "https://x.example.com", "b", true},
		"subdomain of two":      {star, "https://x.y.EXAMPLE.com", "b", true},
		"subdomain, bare":       {star, "https://example.com", "b", false},
		"subdomain, dot":        {star, "https://.example.com", "b", false},
		"subdomain, port":       {star, "https://x.example.com:8443", "b", false},
		"suffix trick":          {star, "https://x.example.com.evil.org", "b", false},
		"prefix trick":          {star, "https://evilexample.com", "b", false},
		"path trick":            {star, "https://evil.org/.example.com", "b", false},
		"user trick":            {star, "https://evil.org@x.example.com", "b", false},
		"query trick":           {star, "https://evil.org?.example.com", "b", false},
		"backslash trick":       {star, `https://evil.org\.example.com`, "b", false},
		"port trick":            {star, "https://evil.org:.example.com", "b", false},
		"NUL trick":             {star, "https://evil.org\x00.example.com", "b", false},
		"any host":              {[]string{"https://*"}, "https://a.b", "c", true},
		"any host, port":        {[]string{"http://*:8081"}, "http://a:8081", "c", true},
		"any host, other port":  {[]string{"http://*:8081"}, "http://a", "c", false},
		"any host, v6":          {[]string{"http://*:8081"}, "http://[fd00::1]:8081", "c", true},
		"any port":              {[]string{"http://localhost:*"}, "http://localhost:3000", "b", true},
		"any port, none":        {[]string{"http://localhost:*"}, "http://localhost", "b", true},
		"any port, other host":  {[]string{"http://localhost:*"}, "http://localhost.evil.org:1", "b", false},
		"v6":                    {[]string{"http://[::1]:8081"}, "http://[::1]:8081", "b", true},
	} {
		o, err := NewOrigins(c.patterns)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := o.Allow([]byte(c.origin), []byte(c.host)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNewOrigins_Refuses(t *testing.T) {
	for _, p := range []string{
		"", "::", "example.com", "https://", "https://a/", "https://a/path", "https://a b", " https://a", "://a", "*://a", "https://a:0",
		"https://a:65536", "https://a:x", "https://a:1:2", "https://*example.com", "https://a.*", "https://a.*.example", "https://*.*.example", "https://*.",
		"https://a@b", "https://a?b", "https://a..b", "https://bücher.example", "wss://a", "https://[::1", "https://[zz]", "https://a:*8",
	} {
		_, err := NewOrigins([]string{"https://fine.example", p})
		if err == nil || !strings.Contains(err.Error(), "would be right") || !strings.Contains(err.Error(), p) || strings.Contains(err.Error(), "fine") {
			t.Errorf("pattern %q: %v", p, err)
		}
	}
	if _, err := NewOrigins([]string{"a", "https://b", "c"}); err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("not every bad pattern is named: %v", err)
	}
}

func TestOrigins_Allow_Allocs(t *testing.T) {
	same, err := NewOrigins(nil)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := NewOrigins([]string{"https://a.example", "https://*.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	origin, host := []byte("https://App.example.com"), []byte("app.example.com")
	n := testing.AllocsPerRun(100, func() {
		if !same.Allow(origin, host) || !listed.Allow(origin, host) {
			t.Error("kept out")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOrigins_Allow(f *testing.F) {
	same, _ := NewOrigins(nil)
	star, _ := NewOrigins([]string{"https://*.example.com"})
	f.Add([]byte("https://a.example.com"), []byte("b"))
	f.Add([]byte("http://[::1]:80"), []byte("[::1]"))
	f.Fuzz(func(t *testing.T, origin, host []byte) {
		if len(origin) == 0 {
			return
		}
		lower := strings.ToLower(string(origin))
		name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(lower, "https://"), ":443"), ":")
		if star.Allow(origin, host) && (!strings.HasPrefix(lower, "https://") || !strings.HasSuffix(name, ".example.com") || strings.ContainsAny(name, "/@?#\\: ")) {
			t.Errorf("%q is let in", origin)
		}
		if same.Allow(origin, host) && !strings.Contains(lower, strings.ToLower(strings.TrimRight(string(host), ":0123456789"))) {
			t.Errorf("%q is of the host %q", origin, host)
		}
	})
}

func FuzzNewOrigins(f *testing.F) {
	for _, s := range []string{"https://*.example.com:8443", "http://[::1]:*", "null", "*", "https://*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		o, err := NewOrigins([]string{pattern})
		if err != nil {
			return
		}
		// What has no star is an Origin itself, which its pattern allows.
		if !strings.Contains(pattern, "*") && !o.Allow([]byte(pattern), nil) {
			t.Errorf("%q does not allow itself", pattern)
		}
	})
}
