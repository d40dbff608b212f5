package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/paystorm/paystorm/harness/load"
)

// TestMain makes the test binary everything that paystorm is to itself: the program that scripts call by its name, and
// the children that the program starts by the path of its own file.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{load.Command, load.CheckCommand, "flashshop", clockChild}, os.Args[1]) {
		main()
	}
	if err := prepare(); err != nil {
		log.Fatal(err)
	}
	testscript.Main(m, map[string]func(){"paystorm": main})
}

// prepare sets what all tests share. Most of a run is waiting, so that more of them fit side by side than the machine
// has processors; and the race detector would let each process sleep for a second before it ends.
func prepare() error {
	if err := flag.Set("test.parallel", "6"); err != nil { // unless the command line says otherwise
		return fmt.Errorf("set the number of parallel tests: %w", err)
	}
	environment := maps.Clone(marks)
	environment["GORACE"] = "atexit_sleep_ms=0 " + os.Getenv("GORACE")
	for name, value := range environment {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}
