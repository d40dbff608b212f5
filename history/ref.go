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
	return "ps-" + r.Run + "-b" + strconv.Itoa(r.Buyer) + "-o" + strconv.Itoa(r.Nth)
}

// Key names the buyer's order for keyed decisions. It leaves the run out: the same seed means the same luck.
func (r Ref) Key() string { return "b" + strconv.Itoa(r.Buyer) + "-o" + strconv.Itoa(r.Nth) }

// ParseRef reads what String wrote.
func ParseRef(text string) (Ref, error) {
	parts := strings.Split(text, "-")
	if len(parts) != 4 || parts[0] != "ps" || !strings.HasPrefix(parts[2], "b") || !strings.HasPrefix(parts[3], "o") {
		return Ref{}, fmt.Errorf("client reference %q: want ps-<run>-b<buyer>-o<nth>", text)
	}
	buyer, errBuyer := strconv.Atoi(parts[2][1:])
	nth, errNth := strconv.Atoi(parts[3][1:])
	if errBuyer != nil || errNth != nil || buyer < 1 || nth < 1 {
		return Ref{}, fmt.Errorf("client reference %q: buyer and n-th order are whole numbers from 1", text)
	}
	return Ref{Run: parts[1], Buyer: buyer, Nth: nth}, nil
}
