// Package k6child is this binary as k6: it makes the buyers of a plan arrive at their times, each in a virtual user of
// k6 and with a journey that runs natively in Go.
//
// Main registers the JavaScript module k6/x/paystorm and an output by k6's own extension interfaces, writes a script of
// four lines beside the logs, and hands over to k6, which ends the process. The history is written by a recorder of our
// own and never through k6's samples, which k6 may discard. The parent's side is load.Child.
package k6child
