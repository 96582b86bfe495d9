// Package api is what services behind roost, and the people who run it, use: the
// HTTP API to publish with, to ask about rooms, users and connections and to end
// them, health, figures and metrics, the page that shows them, and the feed of the
// demo. openapi.yaml describes it.
//
// Promises:
//
//   - A message that was answered with an offset has been given to the Edge. What
//     is refused is refused with its status and one line of JSON that says what
//     is wrong and what would be right.
//   - A request is looked at in one order: Host and Origin, the secret, the path,
//     the method, the query, the body. Nothing is published before all of it is
//     known to be well-formed.
//   - Memory is bounded: of a body by its limit, of all bodies together by another;
//     past it the answer is 503. A length that is only declared takes no memory.
//   - A panic in a handler is one 500, a line in the log and a count.
//   - The secret is compared in constant time and never written anywhere.
//
// It never touches a connection, never makes a loop wait, opens no listener and
// sets no timeouts: the http.Server that runs it does.
//
// Types: Config; Edge, what it needs of a server; FeedConfig.
// The handler that New makes may be used from any goroutine. Feed blocks until
// its context ends.
package api
