package flashshop

import (
	"fmt"
	"strings"
)

// known are the defects that the shop can be given, one at a time or together.
var known = map[string]string{
	"D01": "no dedupe: every success callback grants the points again",
	"D02": "dedupe by check-then-act, with no unique key",
	"D03": "completes an order when the buyer returns, whatever the callback has done meanwhile",
	"D04": "acknowledges before commit; a crash loses the message",
	"D05": "notes a success as worked off before it is",
	"D06": "acknowledges whatever went wrong in the handler",
	"D07": "answers with an error to messages that it has worked off",
	"D09": "verifies the signature only if there is one",
	"D10": "does not compare amount and currency",
	"D11": "does not look whose message it is: merchant and order",
	"D12": "writes failed and closed over whatever state the order has",
	"D14": "expiry releases the stock and leaves the order payable",
	"D15": "ignores a success that comes after close",
	"D16": "takes a timeout for a failure",
	"D18": "writes a refund down, and again when its message comes before the provider's answer",
	"D20": "does not refund the second payment of an order",
	"D21": "reads the stock, then writes it",
	"D22": "reduces the stock by the order, and again by each copy of the success callback",
	"D23": "does not put the units of a closed order back on sale",
	"D25": "does not undo the cache's pre-deduction when the database fails",
	"D26": "counts what a buyer has, and how often a coupon was used, then lets the buyer order",
	"D29": "never asks the provider",
	"D32": "takes a refund that was accepted for one that was made",
	"D31": "believes the bill: books what it says, and reports nothing that differs",
	"D33": "accepts the messages by which WeChat Pay tests whether the signature is verified",
	"D34": "waits in the callback until the database answers, and then acts on what it saw before",
	"D41": "lets the cache decide what is left, and fills an empty one with all that was put on sale",
	"D42": "goes by the clock of each replica's own machine",
	"D43": "writes a buyer's refund down when the provider has answered, and knows of no other",
	"D44": "tells of an order what it last knew when the database cannot be asked",
	"D45": "gives the points two seconds later, and has only in memory that it owes them",
}

type defects map[string]bool

// parseDefects reads a comma-separated list of ids, such as "D02,D14".
func parseDefects(list string) (defects, error) {
	set := defects{}
	for id := range strings.SplitSeq(list, ",") {
		id = strings.ToUpper(strings.TrimSpace(id))
		if id == "" {
			continue
		}
		if _, ok := known[id]; !ok {
			return nil, fmt.Errorf("DEFECTS: there is no defect %q", id)
		}
		set[id] = true
	}
	return set, nil
}

func (d defects) has(id string) bool { return d[id] }
