// Command roost is the WebSocket push server: it reads flags, environment and
// file, composes the packages beside it, and answers signals.
//
// Promises:
//
//   - One Config holds all that can be set. A flag goes before the environment,
//     the environment before the file, the file before the default.
//   - What is wrong is told before anything is opened, all of it at once, each
//     with the place where it stands and with what would be right.
//   - The exit status is 0 when it stopped as asked, 1 when it failed while
//     running, 2 for a wrong usage or configuration.
//   - No secret and no token is written to a log.
//   - SIGTERM and SIGINT drain; a second one ends at once.
//
// It never reads a setting anywhere else: no other package looks at the
// environment or at a file of configuration.
//
// Types: Config is what serve is told; a setting is what is known of one flag,
// its range, default and meaning, from which help and checks are made; a value
// reads and writes one setting's text; an origin says where a value came from;
// sections are what the file alone can say, rules for rooms and webhooks.
//
// Who may call what: run is main without the process around it, for tests.
// Everything but serving and its signals runs on one goroutine.
package main
