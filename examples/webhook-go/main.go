// Webhook-go is a backend that decides who comes in and hears what happens.
package main

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	secret := cmp.Or(os.Getenv("ROOST_WEBHOOK_SECRET"), "s3cret") // as roost has it
	address := "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "3000")
	fmt.Println(http.ListenAndServe(address, backend(secret, os.Stdout)))
}

func backend(secret string, log io.Writer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
		if err != nil || !signed(r.Header.Get("Roost-Signature"), secret, body) {
			http.Error(w, "the signature is wrong", http.StatusForbidden)
			return
		}
		var ask struct{ Event, User, Token string }
		switch {
		case bytes.HasPrefix(body, []byte("[")): // events: any answer of 2xx takes them
			fmt.Fprintf(log, "%s\n", body)
		case json.Unmarshal(body, &ask) == nil && ask.Event == "connect" && ask.Token == "let-alice-in":
			io.WriteString(w, `{"allow":true,"user":"alice","rooms":["chat.*"],"publish":["chat.*"]}`)
		case ask.Event == "connect":
			io.WriteString(w, `{"allow":false,"code":"unauthorized","message":"log in first"}`)
		default: // to join, to publish
			fmt.Fprintf(w, `{"allow":%t}`, ask.User == "alice")
		}
	}
}

// signed says whether roost sent body, in the last five minutes.
func signed(header, secret string, body []byte) bool {
	var t int64
	var given []byte
	fmt.Sscanf(header, "t=%d,v1=%x", &t, &given)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", t, body)
	return hmac.Equal(mac.Sum(nil), given) && time.Since(time.Unix(t, 0)).Abs() < 5*time.Minute
}
