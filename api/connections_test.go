package api

import (
	"net/netip"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func sampleConns() []edge.ConnInfo {
	return []edge.ConnInfo{
		{
			ID: 7, Kind: "native", User: "alice", Remote: netip.MustParseAddrPort("[::1]:50000"), Rooms: []string{"a", "b"}, Age: 62*time.Second + 900*time.Millisecond,
			Heard: 3*time.Second + 2*time.Millisecond, Queued: 17, Expires: 1767225600, Info: []byte(`{"name": "Alice"}`),
		},
		{ID: 8, Kind: "raw", Remote: netip.MustParseAddrPort("127.0.0.1:50001"), Age: time.Millisecond},
	}
}

const (
	sampleConn7 = `{"id":"conn7","kind":"native","user":"alice","address":"[::1]:50000","rooms":["a","b"],"age":"1m2s","heard":"3.002s","queued":17,"expires":1767225600,"info":{"name":"Alice"}}`
	sampleConn8 = `{"id":"conn8","kind":"raw","user":"","address":"127.0.0.1:50001","rooms":[],"age":"1ms","heard":"0s","queued":0}`
)

func TestConnections_List(t *testing.T) {
	rec := &recorder{known: known{connections: sampleConns()}}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/connections", "").wantOK(t, `{"connections":[`+sampleConn7+`,`+sampleConn8+"]}\n")
	rec.known.next = `c"8`
	ask(t, "GET", s.URL+"/v1/connections?limit=1&after=c6", "").wantOK(t, `{"connections":[`+sampleConn7+`],"next":"c\"8"}`+"\n")
	rec.wantCalls(t, "Connections  100", "Connections c6 1")
}

func TestConnections_Get(t *testing.T) {
	rec := &recorder{known: known{connections: sampleConns()}}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/connections/conn8", "").wantOK(t, sampleConn8+"\n")
	ask(t, "GET", s.URL+"/v1/connections/conn9", "").wantError(t, 404, "not_found", "conn9 is not there")
	ask(t, "GET", s.URL+"/v1/connections/nobody", "").wantError(t, 400, "bad_request", `"nobody" is not a connection's ID`)
}

func TestConnections_Delete(t *testing.T) {
	rec := &recorder{known: known{connections: sampleConns()}}
	s := serve(t, Config{}, rec)
	ask(t, "DELETE", s.URL+"/v1/connections/conn7", "").wantOK(t, `{"id":"conn7"}`+"\n")
	ask(t, "DELETE", s.URL+"/v1/connections/conn8?reconnect=true", "").wantOK(t, `{"id":"conn8"}`+"\n")
	ask(t, "DELETE", s.URL+"/v1/connections/conn9", "").wantError(t, 404, "not_found", "conn9")
	rec.wantCalls(t, "Connection 7", "Disconnect 7 false", "Connection 8", "Disconnect 8 true", "Connection 9")
	ask(t, "DELETE", s.URL+"/v1/connections/nobody", "").wantError(t, 400, "bad_request", "nobody")
	ask(t, "DELETE", s.URL+"/v1/connections/conn7?reconnect=yes", "").wantError(t, 400, "bad_request", "true or false")
	ask(t, "DELETE", s.URL+"/v1/connections/conn7", "x").wantError(t, 400, "bad_request", "has a body")
	rec.wantCalls(t)
}

func TestClosings_List(t *testing.T) {
	rec := &recorder{
		known: known{closings: []edge.Closing{
			{
				Conn: "conn7", User: "alice", Kind: "native", Remote: netip.MustParseAddrPort("127.0.0.1:50000"), Time: time.Unix(1767225600, 5e8),
				Reason: edge.ReasonSlowConsumer, By: "server", Code: 4003, Age: time.Hour, Heard: 3 * time.Second, Queued: 65536,
			},
			{Conn: "conn8", Kind: "raw", Time: time.Unix(1767225600, 0), Reason: edge.ReasonLost, By: "network"},
		}, next: "17"},
		figures: edge.Stats{Closed: []edge.Count{{Label: "client"}, {Label: "slow_consumer"}}},
	}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/closings?user=alice&reason=slow_consumer&conn=conn7&limit=2&after=19", "").wantOK(t, `{"closings":[`+
		`{"conn":"conn7","user":"alice","kind":"native","address":"127.0.0.1:50000","time":"2026-01-01T00:00:00.500Z","reason":"slow_consumer","by":"server","code":4003,"age":"1h0m0s","heard":"3s","queued":65536},`+
		`{"conn":"conn8","user":"","kind":"raw","address":"","time":"2026-01-01T00:00:00.000Z","reason":"lost","by":"network","age":"0s","heard":"0s","queued":0}],"next":"17"}`+"\n")
	rec.wantCalls(t, "Closings alice slow_consumer conn7 19 2")
	for query, message := range map[string]string{
		"reason=slow": `unknown reason "slow": client, slow_consumer would be right`, "reason=": `unknown reason ""`, "user=": "user is not", "conn=nobody": "nobody", "conn=": "conn",
	} {
		ask(t, "GET", s.URL+"/v1/closings?"+query, "").wantError(t, 400, "bad_request", message)
	}
	rec.wantCalls(t)
}
