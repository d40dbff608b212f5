// Package fault is everything that can go wrong on purpose: with messages, links, nodes and payers.
//
// Each kind of fault is one file with one struct: its exported fields are what a scenario file may write, and its
// methods are the few optional interfaces that it needs (Requests, Notices, Toxic, NodeFault, Behaves, …). The Engine
// builds a plan's faults, answers the channel's questions from them, drives links and nodes by the clock or at a
// message's stage, and undoes all of it. Every decision is a keyed hash, so no fault shifts another's luck.
package fault
