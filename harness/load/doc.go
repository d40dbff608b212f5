// Package load is the crowd: profiles shape how buyers arrive, a Runner acts a buyer's journey out against the shop and
// the channel, and a Child is the k6 process that makes the buyers come at their times.
//
// Each request is an operation in the history: its invocation is written before it is sent, its answer when it came,
// and what the system file does not classify is unknown, never ok. Payers (see payer.go) make some buyers misbehave.
// The k6 side of the child is in package k6child, so that this one can be used without building k6.
package load
