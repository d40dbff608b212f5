package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/scenarios"
)

func TestScreenPrintsALineForEachChange(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	screen := newScreen(&out, scenarios.Plan{Name: "sale", Seed: 1, Offered: 25, Settle: 8 * time.Second})
	for _, progress := range []harness.Progress{
		{Phase: "images", Doing: "build shop: step 1/5 FROM scratch"},
		{Phase: "images", Doing: "build shop: step 2/5 COPY shop /", Elapsed: time.Second},
		{Phase: "start"},
		{Phase: "start", Elapsed: time.Second},
	} {
		screen.show(progress)
	}
	screen.close()
	want := `sale, seed 1: 25 buyers, settle at most 8s
   0.0s  images    build shop: step 1/5 FROM scratch
   1.0s  images    build shop: step 2/5 COPY shop /
   0.0s  start
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}
