// Package webhook tells a backend over HTTP what happens at a server, and asks it
// before something happens. A Hooks is the edge.Observer and the edge.Decider.
//
// Promises:
//
//   - Event and Stats never wait for the backend.
//   - Events arrive in their order, at least once, each under an id that stays the
//     same. They are tried again until the backend takes them; meanwhile they wait
//     in a queue that is bounded in number and in bytes, and when it is full the
//     newest are dropped and counted.
//   - A question is answered within Config.Timeout. Where the backend gave no
//     answer that can be used, Config.Allow decides; a refusal is never made an
//     admission.
//   - What a backend sends is not trusted: redirects are not followed, an answer
//     is read up to a bound, an identity has the bounds of a token.
//   - The secret, tokens and cookies are never logged.
//
// It opens no listener and starts no goroutine of its own but while Run runs.
//
// Types: Config, Hooks, Stats. A Hooks may be used from any goroutine; Run runs
// once.
package webhook
