// Package harness turns a Plan into a run directory: it starts the channel, the links, the shop and the load, lets the
// storm pass over them, heals, waits until the shop has settled, and reads its books.
//
// Run is one readable sequence of phases. Each part of the world lives in a package below this one and is put together
// here; whatever happens is recorded in the history, and nothing here judges it. On every way out, faults are undone and
// what was started is closed in reverse order.
package harness
