package api

import (
	"strings"
	"testing"

	"github.com/roostws/roost/edge"
)

func TestUsers_Send(t *testing.T) {
	rec := &recorder{known: known{connections: make([]edge.ConnInfo, 3)}}
	s := serve(t, Config{MaxMessage: 1000}, rec)
	ask(t, "POST", s.URL+"/v1/users/alice/send", "hello").wantOK(t, `{"user":"alice","connections":3}`+"\n")
	ask(t, "POST", s.URL+"/v1/users/a%2Fb%20%22%C3%A9%3F/send", "\xff", "Content-Type: application/octet-stream").wantOK(t, `{"user":"a/b \"é?","connections":3}`+"\n")
	ask(t, "POST", s.URL+"/v1/users/%2E%2E/send", "").wantOK(t, `{"user":"..","connections":3}`+"\n")
	rec.wantCalls(t, "SendUser alice hello false", "SendUser a/b \"é? \xff true", "SendUser ..  false")
	ask(t, "POST", s.URL+"/v1/users/alice/send", strings.Repeat("x", 1001)).wantError(t, 413, "too_large", "1000")
	ask(t, "POST", s.URL+"/v1/users/alice/send?key=k", "x").wantError(t, 400, "bad_request", `"key"`)
	ask(t, "POST", s.URL+"/v1/users/alice/send", "x", "Idempotency-Key: k").wantError(t, 400, "bad_request", "Idempotency-Key is not served here")
	rec.wantCalls(t)
	ask(t, "POST", s.URL+"/v1/users/"+strings.Repeat("u", 201)+"/send", "x").wantError(t, 400, "bad_request", "user is not")
}

func TestUsers_Disconnect(t *testing.T) {
	rec := &recorder{known: known{connections: make([]edge.ConnInfo, 2)}}
	s := serve(t, Config{}, rec)
	at := s.URL + "/v1/users/alice/disconnect"
	for _, query := range []string{"", "?reconnect=false", "?reconnect=true"} {
		ask(t, "POST", at+query, "").wantOK(t, `{"user":"alice","connections":2}`+"\n")
	}
	rec.wantCalls(t, "DisconnectUser alice false", "DisconnectUser alice false", "DisconnectUser alice true")
	for _, query := range []string{"?reconnect=", "?reconnect=1", "?reconnect=True", "?reconnect"} {
		ask(t, "POST", at+query, "").wantError(t, 400, "bad_request", "true or false")
	}
	ask(t, "POST", at, `{"reconnect":true}`).wantError(t, 400, "bad_request", "has a body")
	rec.wantCalls(t)
}

func TestUsers_Get(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/users/a%2Fb", "").wantOK(t, `{"user":"a/b","connections":[]}`+"\n")
	rec.known.connections = []edge.ConnInfo{{ID: 7, Kind: "raw", User: "a/b"}}
	ask(t, "GET", s.URL+"/v1/users/a%2Fb", "").wantOK(t, `{"user":"a/b","connections":[{"id":"conn7","kind":"raw","user":"a/b","address":"","rooms":[],"age":"0s","heard":"0s","queued":0}]}`+"\n")
	rec.wantCalls(t, "User a/b", "User a/b")
}
