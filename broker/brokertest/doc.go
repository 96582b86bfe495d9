// Package brokertest tests what every broker promises, whatever it keeps rooms in.
//
// Run is all there is to call, from a test of the broker's package. Each test gets
// a broker of its own and turns the time by hand. It never looks at how much a
// broker keeps of rooms that nobody asks for: that is tested beside the broker.
package brokertest
