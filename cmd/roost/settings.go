package main

import (
	"slices"
	"time"

	"github.com/roostws/roost/auth"
)

// What help shows in place of a value.
const (
	unitAddr   = "HOST:PORT"
	unitListen = "[tls://]HOST:PORT"
	unitCount  = "N"
	unitFile   = "FILE"
	unitSize   = "SIZE"
	unitSpan   = "DURATION"
	unitText   = "TEXT"
	unitChoice = "WORD"
	unitURL    = "URL"

	unitPattern = "PATTERN"
)

// The sections of help, in order.
const (
	sectionServe   = "Where and what"
	sectionTLS     = "TLS"
	sectionAuth    = "Who may come in"
	sectionKeys    = "Whose tokens are believed"
	sectionProxies = "Proxies"
	sectionBounds  = "Bounds"
	sectionRates   = "Rates"
	sectionTime    = "Time"
	sectionLogs    = "Logs"
	sectionToken   = "The token"
	sectionDrain   = "The drain"
)

var authWords = []string{"none", "jwt", "webhook"}

const second = int64(time.Second)

// serveSettings are the flags of serve, in the order of help. Those that may
// stand in the file are the file's keys.
var serveSettings = []setting{
	{
		name: "config", section: sectionServe, places: inEnv, unit: unitFile,
		meaning: "A YAML file whose keys are the names of these flags, and the sections rooms and webhooks. Read strictly, up to 1MiB.",
		when:    "Use it for all that should be kept under version control.",
	},
	{
		name: "listen", section: sectionServe, places: anywhere, unit: unitListen, many: true, standard: "127.0.0.1:8080",
		meaning: "Address for WebSocket clients; repeatable, up to 64. Without a host: all addresses; port 0: any free one; behind tls:// it speaks TLS.",
		when:    "Set it to :8080 when clients come from other machines or a proxy elsewhere, to tls://:8443 when they come without a proxy.",
	},
	{
		name: "admin", section: sectionServe, places: anywhere, unit: unitAddr, standard: "127.0.0.1:8081",
		meaning: "Address of the HTTP API, metrics and the admin page; never a port of clients.",
		when:    "Change it when services publish from other machines; then --admin-secret is required.",
	},
	{
		name: "admin-secret", section: sectionServe, places: anywhere, unit: unitText,
		meaning: "The secret that the API asks for as Authorization: Bearer, 1 to 1024 visible ASCII characters.",
		when:    "Set it wherever others share the machine or --admin is not loopback; rather by environment or file, since a command line can be read by all.",
	},
	{
		name: "admin-secret-file", section: sectionServe, places: anywhere, unit: unitFile,
		meaning: "A file that holds the admin secret; a newline at its end is not part of it.",
		when:    "Use it with the secrets of Kubernetes, Docker or systemd.",
	},
	{
		name: "loops", section: sectionServe, places: anywhere, unit: unitCount, low: 1, high: 64,
		automatic: "1 on one or two processors, else half of them",
		meaning:   "Event loops.",
		when:      "Raise it when roost_loop_turn_seconds grows while processors idle.",
	},
	{
		name: "echo", section: sectionServe, places: anywhere,
		meaning: "Serve /echo, which sends each message back.",
		when:    "Turn it on for capacity tests alone.",
	},
	{
		name: "deflate", section: sectionServe, places: anywhere,
		meaning: "Offer permessage-deflate (RFC 7692), each message by itself.",
		when:    "Turn it on where bytes cost more than processors, and messages are of some hundred bytes or more.",
	},
	{
		name: "dev", section: sectionServe, places: anywhere,
		meaning: "For trying out: makes a secret unless one is given, prints a ready token and URLs, lets the admin page connect, and publishes to the room ticker.NORD.",
		when:    "Turn it on at your desk, never in service.",
	},
	{
		name: "debug", section: sectionServe, places: anywhere,
		meaning: "Serve /debug/pprof and /debug/freemem at --admin.",
		when:    "Turn it on to profile; profiles show what is in memory.",
	},
	{
		name: "check", section: sectionServe,
		meaning: "Check the configuration, print what would be in force, secrets masked, and exit with 0 or 2.",
		when:    "Use it before a restart.",
	},

	{
		name: "tls-cert", section: sectionTLS, places: anywhere, unit: unitFile, many: true,
		meaning: "A PEM file with a certificate and its chain, for listeners of tls://; repeatable, up to 64: the client's server name chooses, the first is for all others. Read again when it changes, and on SIGHUP; connections stay.",
		when:    "Set it with --listen tls://HOST:PORT.",
	},
	{
		name: "tls-key", section: sectionTLS, places: anywhere, unit: unitFile, many: true, repeats: true,
		meaning: "A PEM file with the key of a certificate, in the order of --tls-cert. Read again with it.",
		when:    "Give one for each --tls-cert.",
	},
	{
		name: "tls-client-ca", section: sectionTLS, places: anywhere, unit: unitFile,
		meaning: "A PEM file with certificates of authorities: each client must show a certificate of one of them. Read again with those.",
		when:    "Set it where clients are machines of your own, and besides tokens: a certificate says nothing of rooms.",
	},
	{
		name: "tls-min-version", section: sectionTLS, places: anywhere, unit: unitChoice, choices: []string{"1.2", "1.3"}, standard: "1.2",
		meaning: "The oldest version of TLS that is spoken.",
		when:    "Set 1.3 where a policy asks for it; clients from before 2018 stay out then.",
	},

	{
		name: "auth", section: sectionAuth, places: anywhere, unit: unitChoice, choices: authWords, standard: "jwt",
		meaning: "How clients prove who they are; none asks nobody and lets all join and publish everywhere; webhook asks the backend of the file's section webhooks about each connection.",
		when:    "Say none on a private network or behind a proxy that decides; webhook where a backend alone knows who is who.",
	},
	{
		name: "token-cookie", section: sectionAuth, places: anywhere, unit: unitText,
		meaning: "The name of a cookie that may hold the token.",
		when:    "Set it when browsers carry the token in a cookie; --origin then guards against other sites.",
	},
	{
		name: "origin", section: sectionAuth, places: anywhere, unit: unitPattern, many: true, automatic: "the same host",
		meaning: "An Origin that browsers may come from, such as https://*.example.com; repeatable, up to 256. A request without Origin is no browser's and passes.",
		when:    "Set it when your pages are served from another host than roost.",
	},

	{
		name: "jwt-secret", section: sectionKeys, places: anywhere, unit: unitText,
		meaning: "The secret that signs tokens, at least 32 bytes, taken as it stands.",
		when:    "Required with --auth jwt, unless there are public keys; rather by environment or file, since a command line can be read by all.",
	},
	{
		name: "jwt-secret-file", section: sectionKeys, places: anywhere, unit: unitFile, many: true,
		meaning: "A file that holds the secret of tokens; a newline at its end is not part of it. Repeatable: each is believed. Read again on SIGHUP.",
		when:    "Use it with the secrets of Kubernetes, Docker or systemd; twice, the new one first, while you change the secret.",
	},
	{
		name: "jwt-public-key", section: sectionKeys, places: anywhere, unit: unitFile, many: true,
		meaning: "A PEM file with one public key or certificate, RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519; repeatable, up to 16 with the secrets. A certificate's dates mean nothing. Read again on SIGHUP.",
		when:    "Use it where another service signs the tokens, so that roost can make none; twice while you change the key.",
	},
	{
		name: "jwks-url", section: sectionKeys, places: anywhere, unit: unitURL,
		meaning: "Where the public keys of tokens are published as a JWK Set, up to 1MiB and 64 keys: https, or http to this machine. Redirects are not followed. A token with a kid that is not known has it asked at once, but at most once a second.",
		when:    "Set it to the jwks_uri of your identity provider.",
	},
	{
		name: "jwks-refresh", section: sectionKeys, places: anywhere, unit: unitSpan, low: 10 * second, high: 24 * 3600 * second, standard: "15m",
		meaning: "How often --jwks-url is asked when no token makes it so.",
		when:    "Lower it to have a key that was taken back refused sooner.",
	},
	{
		name: "jwks-insecure", section: sectionKeys, places: anywhere,
		meaning: "Take http in --jwks-url to other machines, too.",
		when:    "Turn it on in a network of your own alone: whoever is on the way can make tokens.",
	},
	{
		name: "jwt-issuer", section: sectionKeys, places: anywhere, unit: unitText,
		meaning: "What a token's iss must be; without it any will do.",
		when:    "Set it with --jwks-url, and when several services sign with one secret.",
	},
	{
		name: "jwt-audience", section: sectionKeys, places: anywhere, unit: unitText,
		meaning: "What a token's aud must hold; without it any will do.",
		when:    "Set it with --jwks-url, and when tokens for other services are signed with the same secret.",
	},
	{
		name: "jwt-algorithms", section: sectionKeys, places: anywhere, unit: unitChoice, many: true, choices: auth.Algorithms(),
		automatic: "as the keys are: HS256, RS256, ES256, ES384, ES512, EdDSA, and what a JWK Set says",
		meaning:   "The algorithms that a token may be signed with; repeatable. A key is used with those of its own type alone.",
		when:      "Change it when your tokens are signed otherwise.",
	},
	{
		name: "jwt-leeway", section: sectionKeys, places: anywhere, unit: unitSpan, low: 0, high: 5 * 60 * second, standard: "0s",
		meaning: "How far the clocks of roost and of who signs may be apart.",
		when:    "Raise it to some seconds when fresh tokens are refused as not valid yet.",
	},

	{
		name: "trusted-proxy", section: sectionProxies, places: anywhere, unit: "CIDR", many: true,
		meaning: "An address or network of proxies, such as 10.0.0.0/8, whose X-Forwarded-For, or else Forwarded, says who the client is; repeatable, up to 4096.",
		when:    "Set it behind a load balancer, so that limits, logs and webhooks speak of the client. The proxy must set or remove X-Forwarded-For itself.",
	},
	{
		name: "proxy-protocol", section: sectionProxies, places: anywhere,
		meaning: "Trusted proxies begin each connection with a PROXY header (version 1 or 2), and nobody else may connect.",
		when:    "Turn it on where a balancer forwards TCP and is told to send one: send-proxy of HAProxy, proxy_protocol of nginx.",
	},

	{
		name: "max-message", section: sectionBounds, places: anywhere, unit: unitSize, low: 125, high: 64 << 20, standard: "64KiB",
		meaning: "Bytes of one message, from clients and by the API; a larger one closes with 1009 or is answered 413.",
		when:    "Raise it when your messages are larger; lower it when they never are.",
	},
	{
		name: "max-connections", section: sectionBounds, places: anywhere, unit: unitCount, low: 1, high: 1 << 24,
		automatic: "the limit on open files less a reserve",
		meaning:   "Connections at once; past it clients are told 503 with Retry-After.",
		when:      "Lower it to keep memory for others; to go above the default raise the limit on open files.",
	},
	{
		name: "max-per-address", section: sectionBounds, places: anywhere, unit: unitCount, low: 1, high: 1 << 24,
		meaning: "Connections of one client address at once, of IPv6 its first 64 bits; past it 429. Without it any number.",
		when:    "Set it, generously, where strangers connect: many people may share one address. Behind a proxy it needs --trusted-proxy.",
	},
	{
		name: "max-per-user", section: sectionBounds, places: anywhere, unit: unitCount, low: 1, high: 1_000_000,
		meaning: "Connections of one user at once; past it the user's next is told 429.",
		when:    "Set it where one user must not take the room of others; leave space for several devices and tabs.",
	},
	{
		name: "max-joined", section: sectionBounds, places: anywhere, unit: unitCount, low: 1, high: 10_000, standard: "100",
		meaning: "Rooms of one connection at once; past it joining is refused.",
		when:    "Raise it for clients that follow many rooms.",
	},
	{
		name: "outbox", section: sectionBounds, places: anywhere, unit: unitSize, low: 1 << 10, high: 1 << 30, standard: "64KiB",
		meaning: "Bytes that may wait for one slow connection; past it 4003. One message always fits.",
		when:    "Raise it when clients on poor links are closed with 4003 in short bursts.",
	},
	{
		name: "outbox-memory", section: sectionBounds, places: anywhere, unit: unitSize, low: 1 << 20, high: 1 << 50,
		automatic: "256MiB, or an eighth of the memory of the cgroup or machine where that is less",
		meaning:   "Bytes that may wait for all connections together; past it the largest are closed first.",
		when:      "Set it to what the machine can spare.",
	},
	{
		name: "publish-memory", section: sectionBounds, places: anywhere, unit: unitSize, low: 1 << 20, high: 1 << 50, standard: "64MiB",
		meaning: "Bytes that may be published and not yet delivered; past it publishing is answered 503.",
		when:    "Raise it when bursts to large rooms are answered 503.",
	},
	{
		name: "history-memory", section: sectionBounds, places: anywhere, unit: unitSize, low: 64 << 10, high: 1 << 50, standard: "64MiB",
		meaning: "Bytes that all rooms keep for clients that come back; past it the rooms longest without a message lose theirs first.",
		when:    "Raise it when clients come back and are not recovered, and the rooms' history says that they should be.",
	},
	{
		name: "document-memory", section: sectionBounds, places: anywhere, unit: unitSize, low: 64 << 10, high: 1 << 50, standard: "64MiB",
		meaning: "Bytes of all rooms' documents; past it changes that need more are refused.",
		when:    "Set it to what your documents take together.",
	},

	{
		name: "handshakes-per-second", section: sectionRates, places: anywhere, unit: unitCount, low: 1, high: 10_000_000,
		meaning: "Handshakes a second of all clients together; past it 503 with a Retry-After that is spread over 10s. Without it any number.",
		when:    "Set it to what the machine and what verifies tokens can take when all come back at once.",
	},
	{
		name: "messages-per-second", section: sectionRates, places: anywhere, unit: unitCount, low: 1, high: 1_000_000,
		meaning: "Messages and control frames a second of one connection, in bursts of a second's; past it 4004. Without it any number.",
		when:    "Set it to several times what a client of yours sends at its busiest.",
	},
	{
		name: "bytes-per-second", section: sectionRates, places: anywhere, unit: unitSize, low: 1 << 10, high: 1 << 30,
		meaning: "Bytes a second of one connection's messages, in bursts of a second's or of one message; past it 4004. Without it any number.",
		when:    "Set it where clients publish and the way out costs money.",
	},

	{
		name: "heartbeat", section: sectionTime, places: anywhere, unit: unitSpan, low: second, high: 3600 * second, whole: second, standard: "25s",
		meaning: "Silence after which a client is sent a ping, in whole seconds.",
		when:    "Keep it below the idle timeout of every proxy between; raise it to spare batteries.",
	},
	{
		name: "heartbeat-timeout", section: sectionTime, places: anywhere, unit: unitSpan, low: second, high: 3600 * second, whole: second, standard: "10s",
		meaning: "Silence after that ping that ends the connection with 4005, in whole seconds.",
		when:    "Raise it for clients on links that stall.",
	},
	{
		name: "handshake-timeout", section: sectionTime, places: anywhere, unit: unitSpan, low: second, high: 600 * second, whole: second, standard: "10s",
		meaning: "From a connection's begin to its whole request, in whole seconds.",
		when:    "Lower it when connections that say nothing take room from others.",
	},
	{
		name: "drain-timeout", section: sectionTime, places: anywhere, unit: unitSpan, low: second, high: 3600 * second, standard: "30s",
		meaning: "For all goodbyes after SIGTERM: clients are sent away spread over it.",
		when:    "Raise it with the number of clients, and whatever would kill the process sooner with it.",
	},

	{
		name: "log-format", section: sectionLogs, places: anywhere, unit: unitChoice, choices: []string{"text", "json"}, standard: "text",
		meaning: "How log lines are written, on stderr.",
		when:    "Set json when a collector reads them.",
	},
	{
		name: "log-level", section: sectionLogs, places: anywhere, unit: unitChoice, choices: []string{"debug", "info", "warn", "error"}, standard: "info",
		meaning: "The least that is logged.",
		when:    "Set debug to see each connection come and go; it costs.",
	},
}

// tokenSettings are the flags of token that serve does not have.
var tokenSettings = []setting{
	{
		name: "sub", section: sectionToken, unit: "USER",
		meaning: "The user whom the token names, 1 to 200 bytes.",
		when:    "Required.",
	},
	{
		name: "rooms", section: sectionToken, unit: unitPattern, many: true,
		meaning: "Rooms that it may join, such as chat.*; repeatable, up to 64 of 200 bytes; a comma parts them.",
		when:    "Without it the token lets nobody join a room.",
	},
	{
		name: "publish", section: sectionToken, unit: unitPattern, many: true,
		meaning: "Rooms that it may publish to; as --rooms.",
		when:    "Give it to clients that speak, not to those that listen.",
	},
	{
		name: "ttl", section: sectionToken, unit: unitSpan, low: second, high: 10 * 365 * 24 * 3600 * second, whole: second, standard: "1h",
		meaning: "How long the token is good, in whole seconds.",
		when:    "Keep it short: a token cannot be called back.",
	},
	{
		name: "info", section: sectionToken, unit: "JSON",
		meaning: "Any JSON that others are shown with the user, up to 1024 bytes.",
		when:    "Give what a client would show of a user, such as a name.",
	},
	{
		name: "ticket", section: sectionToken,
		meaning: "Have a running server's API make a ticket instead: it lets in whoever brings it first, as ?ticket=, for a minute or --ttl.",
		when:    "Use it to try what your service does with POST /v1/tickets.",
	},
	{
		name: "jwt-private-key", section: sectionToken, unit: unitFile,
		meaning: "A PEM file with the private key to sign with instead of a secret: RSA, ECDSA or Ed25519, without a passphrase. Of --jwt-algorithms the first that fits is taken.",
		when:    "Give it where serve has the public one: a secret signs by HS256, HS384 or HS512 alone.",
	},
}

// drainSettings are the flags of drain that serve does not have.
var drainSettings = []setting{
	{
		name: "over", section: sectionDrain, unit: unitSpan, low: second, high: 3600 * second,
		automatic: "as fast as the server's --drain-timeout lets it",
		meaning:   "The time over which the goodbyes are spread evenly, in random order.",
		when:      "Raise it where all clients will come to few other servers.",
	},
	{
		name: "wait", section: sectionDrain, standard: "true",
		meaning: "Return when the server has ended, and tell how many clients are left meanwhile.",
		when:    "Say --wait=false where something else waits for the server.",
	},
}

// sharedWithDrain are the flags of serve that drain has too.
var sharedWithDrain = []string{"config", "admin", "admin-secret", "admin-secret-file"}

// sharedWithToken are the flags of serve that token has too: what serve would
// verify with, token signs with.
var sharedWithToken = []string{"config", "admin", "admin-secret", "admin-secret-file", "jwt-secret", "jwt-secret-file", "jwt-issuer", "jwt-audience", "jwt-algorithms"}

// settingsOf gives the settings of a command.
func settingsOf(command string) []setting {
	switch command {
	case "serve":
		return serveSettings
	case "token":
		return withShared(tokenSettings, sharedWithToken)
	case "drain":
		return withShared(drainSettings, sharedWithDrain)
	}
	return nil
}

// withShared gives a command's own settings, and those that it shares with serve.
func withShared(own []setting, shared []string) []setting {
	all := slices.Clone(own)
	for _, name := range shared {
		all = append(all, *find(serveSettings, name))
	}
	return all
}

// find gives the setting of a name, or nil.
func find(settings []setting, name string) *setting {
	for i := range settings {
		if settings[i].name == name {
			return &settings[i]
		}
	}
	return nil
}
