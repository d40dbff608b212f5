package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/paystorm/paystorm/examples/flashshop"
	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/harness/load/k6child"
)

// loadGenerator is this binary as the k6 child of a run.
func loadGenerator(args []string) int {
	return k6child.Main(args, fault.Payers)
}

// scriptReader is this binary as k6 that reads a script.
func scriptReader(args []string) int { return k6child.Check(args[0], args[1]) }

// moduleTypes are those of the module that scripts import.
func moduleTypes() []byte { return k6child.Types }

// embeddedShop is this binary as the reference shop: a system under test like any other.
func embeddedShop(s streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := flashshop.Main(ctx, os.Getenv, s.out, s.err); err != nil {
		fmt.Fprintln(s.err, "flashshop:", err)
		return exitEnvironment
	}
	return exitPass
}
