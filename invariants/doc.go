// Package invariants judges a run from its history alone: pure functions, no clock, no network, no memory of the plan.
//
// Judge indexes a History into one Story per order, asks every Invariant, and folds their findings, the floors and the
// state of the history itself into one Verdict: pass, fail or inconclusive. The judge knows three sources of truth, what
// users were told, where the money is, and what the shop believes, and it knows nothing of faults' code or of any defect.
package invariants
