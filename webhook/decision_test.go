package webhook

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

func list(n, size int) string {
	item := `"` + strings.Repeat("x", size) + `"`
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

func TestReadDecision_Connect(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		answer string
		want   *auth.Identity
		err    error
	}{
		{`{"allow":true}`, nil, nil},
		{` { "allow" : true , "other": [1] } ` + "\n", nil, nil},
		{`{"allow":true,"user":null,"rooms":null,"publish":null,"info":null,"expires":null}`, nil, nil},
		{`{"allow":true,"user":"bob"}`, &auth.Identity{User: "bob"}, nil},
		{`{"allow":true,"user":"` + long + `"}`, &auth.Identity{User: long}, nil},
		{`{"allow":true,"rooms":["a.*","b\u0021"]}`, &auth.Identity{User: "token", Rooms: auth.Patterns{"a.*", "b!"}}, nil},
		{`{"allow":true,"rooms":[],"publish":["x"]}`, &auth.Identity{User: "token", Rooms: auth.Patterns{}, Publish: auth.Patterns{"x"}}, nil},
		{`{"allow":true,"info":[ 1, "a b" ]}`, &auth.Identity{User: "token", Info: []byte(`[1,"a b"]`)}, nil},
		{`{"allow":true,"expires":1767225600.9}`, &auth.Identity{User: "token", Expires: 1767225600}, nil},
		{`{"allow":true,"expires":1}`, &auth.Identity{User: "token", Expires: 1}, nil},

		{`{"allow":true,"user":""}`, nil, errUser},
		{`{"allow":true,"user":7}`, nil, errUser},
		{`{"allow":true,"user":"a\u0000"}`, nil, errUser},
		{`{"allow":true,"user":"` + long + `x"}`, nil, errUser},
		{`{"allow":true,"rooms":"a"}`, nil, errRooms},
		{`{"allow":true,"rooms":[""]}`, nil, errRooms},
		{`{"allow":true,"rooms":[null]}`, nil, errRooms},
		{`{"allow":true,"rooms":["a",1]}`, nil, errRooms},
		{`{"allow":true,"rooms":` + list(65, 1) + `}`, nil, errRooms},
		{`{"allow":true,"publish":` + list(1, 201) + `}`, nil, errPublish},
		{`{"allow":true,"publish":{}}`, nil, errPublish},
		{`{"allow":true,"info":"` + strings.Repeat("x", 1023) + `"}`, nil, errInfo},
		{`{"allow":true,"expires":"1"}`, nil, errExpires},
		{`{"allow":true,"expires":0}`, nil, errExpires},
		{`{"allow":true,"expires":-5}`, nil, errExpires},
		{`{"allow":true,"expires":1767225600000}`, nil, errExpires},

		{``, nil, errObject},
		{`true`, nil, errObject},
		{`[]`, nil, errObject},
		{`{"allow":true`, nil, errObject},
		{`{"allow":true}}`, nil, errObject},
		{`{"allow":true}{"allow":true}`, nil, errObject},
		{`{"allow":true,"allow":true}`, nil, errObject},
		{`{"allow":null,"allow":true}`, nil, errObject},
		{"{\"allow\":true,\"user\":\"\xff\"}", nil, errObject},
		{`{}`, nil, errAllow},
		{`{"Allow":true}`, nil, errAllow},
		{`{"allow":null}`, nil, errAllow},
		{`{"allow":1}`, nil, errAllow},
		{`{"allow":"true"}`, nil, errAllow},
	} {
		d, err := readDecision([]byte(c.answer), &edge.Question{What: edge.WhatConnect, User: "token"})
		switch {
		case err != c.err:
			t.Errorf("%s: %v, want %v", c.answer, err, c.err)
		case err != nil && d != nil:
			t.Errorf("%s: decided %+v", c.answer, d)
		case err == nil && (!d.Allow || !reflect.DeepEqual(d.Identity, c.want)):
			t.Errorf("%s: %+v, want %+v", c.answer, d.Identity, c.want)
		}
	}
}

func TestReadDecision_JoinHasNoIdentity(t *testing.T) {
	d, err := readDecision([]byte(`{"allow":true,"user":7}`), &edge.Question{What: edge.WhatJoin})
	if err != nil || !d.Allow || d.Identity != nil {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestReadDecision_Refusal(t *testing.T) {
	for _, c := range []struct {
		answer string
		want   edge.Decision
		err    error
	}{
		{`{"allow":false}`, edge.Decision{}, nil},
		{`{"allow":false,"code":null,"message":null}`, edge.Decision{}, nil},
		{`{"allow":false,"code":"rate_limited","message":"später"}`, edge.Decision{Code: "rate_limited", Message: "später"}, nil},
		{`{"allow":false,"code":""}`, edge.Decision{}, errCode},
		{`{"allow":false,"code":"Not Found"}`, edge.Decision{}, errCode},
		{`{"allow":false,"code":["x"]}`, edge.Decision{}, errCode},
		{`{"allow":false,"code":"` + strings.Repeat("x", maxCode+1) + `"}`, edge.Decision{}, errCode},
		{`{"allow":false,"code":"forbidden","message":5}`, edge.Decision{Code: "forbidden"}, errMessage},
		{`{"allow":false,"message":"` + strings.Repeat("x", maxText+1) + `"}`, edge.Decision{}, errMessage},
	} {
		d, err := readDecision([]byte(c.answer), &edge.Question{What: edge.WhatConnect})
		if err != c.err || d == nil || *d != c.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", c.answer, d, err, c.want, c.err)
		}
	}
}

// Whatever comes, what is allowed says so, and who is let in has the bounds of a
// token.
func FuzzReadDecision(f *testing.F) {
	for _, s := range []string{`{"allow":true,"user":"a","rooms":["b*"],"publish":[],"info":{"c":1},"expires":5}`, `{"allow":false,"code":"d","message":"e"}`, `{"allow":true,"allow":false}`, `[`} {
		f.Add([]byte(s))
	}
	secret := bytes.Repeat([]byte("s"), auth.MinSecret)
	f.Fuzz(func(t *testing.T, answer []byte) {
		d, err := readDecision(answer, &edge.Question{What: edge.WhatConnect, User: "token"})
		if err != nil {
			if d != nil && d.Allow {
				t.Errorf("allowed with %v", err)
			}
			return
		}
		if d.Identity != nil {
			if _, err := auth.Mint(secret, "HS256", *d.Identity, "", ""); err != nil {
				t.Errorf("%+v: %v", *d.Identity, err)
			}
		}
		if len(d.Code) > maxCode || len(d.Message) > maxText || d.Allow && d.Code != "" {
			t.Errorf("%+v", d)
		}
	})
}
