package main

import (
	"strings"
	"testing"
)

// A fault that cannot be struck is told when that is known, not when the load is through: the second lock waits for the first,
// which stays until heal.
func TestAFaultThatCannotBeStruckEndsTheStorm(t *testing.T) {
	t.Parallel()
	p := startRun(t, sale("{lock-database: {from: 100ms}}, {lock-database: {id: second, from: 200ms}}"), "--set", longStorm)
	if status := p.exit(t, patience); status != exitEnvironment {
		t.Errorf("exit status %d, want %d", status, exitEnvironment)
	}
	if text := p.printed(); !strings.Contains(text, `the storm was broken off: striking fault "second": database`) {
		t.Error("nothing says why the storm was broken off")
	}
}

// Books that cannot be read before the sale are told there and then: a sale judged against a stock that nobody had read would
// be red for nothing.
func TestAProbeThatFailsAtTheBaselineEndsTheStart(t *testing.T) {
	t.Parallel()
	p := startRun(t, sale(""), "--set", "system.probes.stock.query=SELECT sku, available, reserved, sold FROM skuus")
	if status := p.exit(t, patience); status != exitEnvironment {
		t.Errorf("exit status %d, want %d", status, exitEnvironment)
	}
	if text := p.printed(); !strings.Contains(text, "a probe failed on the shop's books before the sale: stock: query: ") || !strings.Contains(text, "skuus") {
		t.Error("nothing says which probe failed, and why")
	}
}
