package fault_test

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// Every kind either befalls a message and is possible at a channel alone, or says where it belongs.
func TestForChannel(t *testing.T) {
	t.Parallel()
	kinds := fault.ForChannel([]mockchannel.Dialect{standard.New()})
	if len(kinds) != len(fault.All()) {
		t.Errorf("%d kinds of %d", len(kinds), len(fault.All()))
	}
	refused := map[string]string{}
	for _, kind := range kinds {
		params := kind.New()
		_, requests := params.(fault.Requests)
		_, changes := params.(fault.Changes)
		_, notices := params.(fault.Notices)
		_, attempts := params.(fault.Attempts)
		err := kind.Possible("standard", params)
		_, picky := params.(fault.Needs)
		switch message := requests || changes || notices || attempts; {
		case message && err != nil && !picky:
			t.Errorf("%s is refused: %v", kind.Name, err)
		case !message && err == nil:
			t.Errorf("%s is possible", kind.Name)
		case err != nil:
			refused[kind.Name] = err.Error()
		}
	}
	for kind, want := range map[string]string{
		"cut-link": "befalls a link", "kill-node": "befalls the shop's processes", "lock-database": "befalls the shop's processes",
		"abort-transactions": "befalls the shop's processes",
		"abandon":            "is a payer's", "signature-probe": "in the dialect standard",
	} {
		if !strings.Contains(refused[kind], want) {
			t.Errorf("%s: %q", kind, refused[kind])
		}
	}
}
