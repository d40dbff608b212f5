// Package history is the vocabulary in which a run is told: time, operations, events, the shop's canonical books.
//
// The harness records, the judge reads, and neither knows the other; this package is all they share. A Recorder
// appends to one segment file per writer while the run goes on; Open reads a run directory back into one History,
// whatever state a crash left it in. What is not in the history did not happen, as far as a verdict is concerned:
// effects of faults, heals that failed, dropped iterations and crashes of the harness itself are all events here and
// never counters kept aside.
package history
