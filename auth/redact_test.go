package auth

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"/rooms/a":                             "/rooms/a",
		"/rooms/a?x=token&y=ticket":            "/rooms/a?x=token&y=ticket",
		"/rooms/a?token=abc":                   "/rooms/a?token=REDACTED",
		"/rooms/a?x=1&token=abc&ticket=d&y":    "/rooms/a?x=1&token=REDACTED&ticket=REDACTED&y",
		"/a?token=abc&token=def#token=ghi":     "/a?token=REDACTED&token=REDACTED#token=REDACTED",
		"/a?Token=abc":                         "/a?Token=REDACTED",
		"/a?%74oken=abc":                       "/a?%74oken=REDACTED",
		"/a?to%6ben=abc":                       "/a?to%6ben=REDACTED",
		"/a?%2574icket=abc":                    "/a?%2574icket=REDACTED",
		"/a?access_token=abc":                  "/a?access_token=REDACTED",
		"/a?tokens=3&token_count=4":            "/a?tokens=3&token_count=4",
		"/a?token=":                            "/a?token=",
		"/a?token=&x=1":                        "/a?token=&x=1",
		"/a?token=a=b;c,d(e)":                  "/a?token=REDACTED",
		"/a?next=%2Fb%3Ftoken%3Dabc%26x&y=1":   "/a?next=%2Fb%3Ftoken%3DREDACTED&y=1",
		"/a?next=%252Fb%253Ftoken%253Dabc":     "/a?next=%252Fb%253Ftoken%253DREDACTED",
		`GET "/a?token=abc" from 10.0.0.1`:     `GET "/a?token=REDACTED" from 10.0.0.1`,
		"http://a/?ticket=x http://b/?ticket=": "http://a/?ticket=REDACTED http://b/?ticket=",
		"token=abc":                            "token=REDACTED",
		"/a?token=REDACTED":                    "/a?token=REDACTED",
		"%":                                    "%",
		"/a?x=%3":                              "/a?x=%3",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
	uri := "/rooms/a?x=1&tokens=2"
	if n := testing.AllocsPerRun(100, func() { Redact(uri) }); n > 2 {
		t.Errorf("%v allocations where there is nothing to hide", n)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("/a?", "&y=1")
	f.Add("/a?x=%", "#")
	f.Fuzz(func(t *testing.T, before, after string) {
		const hidden = "eyJhbGciOiJIUzI1NiJ9"
		if strings.Contains(before+after, hidden) {
			return
		}
		for _, name := range []string{"token=", "ticket=", "%74oken=", "token%3D"} {
			got := Redact(before + "&" + name + hidden + after)
			if strings.Contains(got, hidden) {
				t.Errorf("it is in %q", got)
			}
			if again := Redact(got); again != got {
				t.Errorf("%q became %q", got, again)
			}
		}
	})
}
