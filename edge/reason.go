package edge

import "github.com/roostws/roost/poller"

// A Reason says why a connection ended. It yields the close code that the peer
// is told, the label of the metric, and the word in the log.
type Reason uint8

const (
	ReasonClient       Reason = iota // the client said goodbye
	ReasonLost                       // the client went away without a word: end of stream, reset
	ReasonHandshake                  // there was no upgrade: refused, plain HTTP, too slow
	ReasonTLS                        // the client broke the protocol of TLS
	ReasonProtocol                   // the client broke RFC 6455
	ReasonUTF8                       // text that is not UTF-8
	ReasonTooLarge                   // a message over the limit
	ReasonForbidden                  // it published without the right to
	ReasonInvalid                    // it published on a raw stream what the room's schema refuses
	ReasonMalformed                  // ten messages in a row were no commands
	ReasonSlowMessage                // a message was begun and not finished in time
	ReasonTokenExpired               // its token ended
	ReasonSlowConsumer               // more waits for it than may
	ReasonOutboxMemory               // the same, as the largest of all
	ReasonRateLimited                // it sent more than a connection may in a second
	ReasonOverload                   // it sent more than the server can take now
	ReasonNoPong                     // no sign of life after a ping
	ReasonDisconnected               // disconnected through the API
	ReasonServer                     // closed by Server.Close or Conn.Close
	ReasonDrain                      // the server goes away
	ReasonStop                       // the server stopped before the goodbye was over
	ReasonError                      // a panic in handling it
	numReasons
)

// reasons holds what each Reason yields. Code 0: the peer is told nothing.
var reasons = [numReasons]struct {
	label string
	code  uint16
	text  string
	by    string // who ended the connection
}{
	ReasonClient:       {"client", 0, "", byClient},
	ReasonLost:         {"lost", 0, "", byNetwork},
	ReasonHandshake:    {"handshake", 0, "", byServer},
	ReasonTLS:          {"tls", 0, "", byServer},
	ReasonProtocol:     {"protocol", 1002, "protocol error", byServer},
	ReasonUTF8:         {"utf8", 1007, "text is not UTF-8", byServer},
	ReasonTooLarge:     {"too_large", 1009, "message is too large", byServer},
	ReasonForbidden:    {"forbidden", 1008, "publishing here is not allowed", byServer},
	ReasonInvalid:      {"invalid", 1008, "the room's schema refuses this", byServer},
	ReasonMalformed:    {"malformed", 1008, "too many messages were no commands", byServer},
	ReasonSlowMessage:  {"slow_message", 1008, "message was not finished in time", byServer},
	ReasonTokenExpired: {"token_expired", 4001, "token expired", byServer},
	ReasonSlowConsumer: {"slow_consumer", 4003, "slow consumer", byServer},
	ReasonOutboxMemory: {"outbox_memory", 4003, "slow consumer", byServer},
	ReasonRateLimited:  {"rate_limited", 4004, "more than a connection may send", byServer},
	ReasonOverload:     {"overload", 4004, "server is overloaded", byServer},
	ReasonNoPong:       {"no_pong", 4005, "no pong", byNetwork},
	ReasonDisconnected: {"disconnected", 4502, "disconnected", byAPI},
	ReasonServer:       {"server", 1000, "", byAPI},
	ReasonDrain:        {"drain", 1001, "", byServer},
	ReasonStop:         {"stop", 0, "", byServer},
	ReasonError:        {"error", 1011, "internal error", byServer},
}

// Who ends connections, as Closing.By says.
const (
	byClient  = "client"
	byServer  = "server"
	byAPI     = "api"
	byNetwork = "network"
)

// ParseReason is the inverse of String.
func ParseReason(word string) (Reason, bool) {
	for i := range reasons {
		if reasons[i].label == word {
			return Reason(i), true
		}
	}
	return 0, false
}

// String is the reason's word, as in the metric roost_connections_closed_total.
func (r Reason) String() string { return reasons[r].label }

func (r Reason) cause() poller.Cause { return poller.CauseUser + poller.Cause(r) }

func reasonOf(c poller.Cause) Reason {
	switch c {
	case poller.CauseEOF, poller.CauseReset:
		return ReasonLost
	case poller.CauseOutbox:
		return ReasonSlowConsumer
	case poller.CauseBudget:
		return ReasonOutboxMemory
	case poller.CauseTLS:
		return ReasonTLS
	case poller.CauseFragments:
		return ReasonOverload
	case poller.CausePanic:
		return ReasonError
	case poller.CauseStop:
		return ReasonStop
	}
	return Reason(c - poller.CauseUser)
}

// A result says how a handshake went.
type result uint8

const (
	resultOK           result = iota
	resultPlain               // plain HTTP
	resultMalformed           // 400, 405, 426, 431, 505
	resultNotFound            // 404
	resultUnauthorized        // 401
	resultOrigin              // 403 for its Origin
	resultForbidden           // 403 for a room
	resultFull                // 503, too many connections
	resultBusy                // 503, too many tokens wait to be verified, or memory
	resultDraining            // 503, the server goes away
	resultRefused             // the embedding program or the Decider said no
	resultPerUser             // 429, too many connections of the user
	resultPerAddress          // 429, too many connections of the address
	resultRate                // 503, too many handshakes a second
	resultRoomFull            // 503, too many members of a room
	resultTimeout             // 408
	numResults
)

var resultLabels = [numResults]string{"ok", "plain", "malformed", "not_found", "unauthorized", "origin",
	"forbidden", "full", "busy", "draining", "refused", "per_user", "per_address", "rate", "room_full", "timeout"}

// A drop says why a message was not delivered to somebody.
type drop uint8

const (
	dropSlowConsumer drop = iota // waited for a connection that is closed for it
	dropOverload                 // published by a client while too much waits
	dropForbidden                // published by a client without the right to
	dropClosed                   // sent to a connection that is gone
	dropPolicy                   // kept from a slow reader, as the room's policy says
	dropConflated                // the same, and a later one of its key was given instead
	numDrops
)

var dropLabels = [numDrops]string{"slow_consumer", "overload", "forbidden", "closed", "policy", "conflated"}
