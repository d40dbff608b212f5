package history

import (
	"fmt"
	"strconv"
	"strings"
)

// Ref is the client reference of one order attempt: which buyer, and the how-manieth order of that buyer. It is sent to
// the shop wherever the shop takes one, so that an order whose number no client ever learnt can still be joined.
type Ref struct {
	Run   string // distinguishes runs against one long-lived shop; letters and digits only
	Buyer int    // from 1
	Nth   int    // that buyer's n-th order, from 1
}

// String is "ps-<run>-b<buyer>-o<nth>".
func (r Ref) String() string {
	return string(r.appendKey(append(append(append(make([]byte, 0, 64), "ps-"...), r.Run...), '-')))
}

// Key names the buyer's order for keyed decisions. It leaves the run out: the same seed means the same luck.
func (r Ref) Key() string { return string(r.appendKey(make([]byte, 0, 32))) }

func (r Ref) appendKey(text []byte) []byte {
	text = strconv.AppendInt(append(text, 'b'), int64(r.Buyer), 10)
	return strconv.AppendInt(append(text, "-o"...), int64(r.Nth), 10)
}

// ParseRef reads what String wrote.
func ParseRef(text string) (Ref, error) {
	rest, isRef := strings.CutPrefix(text, "ps-")
	run, rest, _ := strings.Cut(rest, "-")
	buyerText, nthText, _ := strings.Cut(rest, "-")
	buyerText, isBuyer := strings.CutPrefix(buyerText, "b")
	nthText, isNth := strings.CutPrefix(nthText, "o")
	if !isRef || !isBuyer || !isNth {
		return Ref{}, fmt.Errorf("client reference %q: want ps-<run>-b<buyer>-o<nth>", text)
	}
	buyer, errBuyer := strconv.Atoi(buyerText)
	nth, errNth := strconv.Atoi(nthText)
	if errBuyer != nil || errNth != nil || buyer < 1 || nth < 1 {
		return Ref{}, fmt.Errorf("client reference %q: buyer and n-th order are whole numbers from 1", text)
	}
	return Ref{Run: run, Buyer: buyer, Nth: nth}, nil
}
