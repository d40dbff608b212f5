package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// Times is how many of something: a number from 1, or all of them, which is 0 and written "all".
type Times int

// UnmarshalText parses "all" or a number.
func (t *Times) UnmarshalText(text []byte) error {
	if string(text) == "all" {
		*t = 0
		return nil
	}
	number, err := strconv.Atoi(string(text))
	if err != nil || number < 1 {
		return fmt.Errorf("%q: want all, or a whole number from 1", text)
	}
	*t = Times(number)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (t Times) MarshalText() ([]byte, error) {
	if t == 0 {
		return []byte("all"), nil
	}
	return []byte(strconv.Itoa(int(t))), nil
}

// operations lists what a merchant may ask of the channel.
func operations() []mockchannel.Operation {
	return []mockchannel.Operation{
		mockchannel.OpCreate, mockchannel.OpQuery, mockchannel.OpClose, mockchannel.OpRefund, mockchannel.OpRefundQuery,
		mockchannel.OpBill,
	}
}

// notifications lists the types of genuine notifications.
func notifications() []string {
	return []string{
		history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded,
		history.RefundFailed,
	}
}

// Moments at which a message that the ledger does not justify may be sent.
const (
	atCreated = "created"
	atPaid    = "paid"
)

// changeAt is the change of the ledger that such a moment follows.
func changeAt(at string) mockchannel.ChangeKind {
	if at == atPaid {
		return mockchannel.ChangePaid
	}
	return mockchannel.ChangeCreated
}

// oneOf checks that a field has one of the allowed values.
func oneOf[T ~string](field string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is not allowed: want one of %s", field, value, listed(allowed))
}

// someOf checks that a field lists allowed values, and at least one.
func someOf[T ~string](field string, values []T, allowed ...T) error {
	if len(values) == 0 {
		return fmt.Errorf("%s: want at least one of %s", field, listed(allowed))
	}
	for _, value := range values {
		if err := oneOf(field, value, allowed...); err != nil {
			return err
		}
	}
	return nil
}

func listed[T ~string](values []T) string {
	words := make([]string, len(values))
	for index, value := range values {
		words[index] = string(value)
	}
	return strings.Join(words, ", ")
}

// between checks that a field is a number within bounds.
func between[T int | int64](field string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s: %d is not allowed: want %d to %d", field, value, low, high)
	}
	return nil
}

// positive checks that a span is longer than nothing at its longest.
func positive(field string, span scenarios.Span) error {
	if span.High <= 0 {
		return fmt.Errorf("%s: want a duration longer than 0s", field)
	}
	return nil
}

// onLink checks where a link fault works. The direction has no default: lost before it was processed and lost after
// are different faults.
func onLink(system scenarios.System, name string, direction link.Direction) error {
	if err := oneOf("link", name, system.LinkNames()...); err != nil {
		return err
	}
	if err := oneOf("direction", direction, link.Upstream, link.Downstream); err != nil {
		return fmt.Errorf("%w (upstream: not processed; downstream: processed, and the answer lost)", err)
	}
	return nil
}

// ownNode checks that a node is one that the harness started, and so may strike; "" is the shop.
func ownNode(system scenarios.System, name string) error {
	if len(system.Nodes("")) == 0 {
		return errors.New("a node fault needs a shop that is launched as a process or in containers: an external one is not ours to strike")
	}
	if name == "" {
		return nil
	}
	return oneOf("node", name, system.NodeNames()...)
}

// ownContainer checks that a node is a container that the harness started: a process has no walls that could be moved.
func ownContainer(system scenarios.System, name string) error {
	if system.Launch.Container == nil {
		return errors.New("it needs a shop that is launched in containers: a process shares this machine's disk, clock and memory")
	}
	return ownNode(system, name)
}

// linked checks that a node has links at all.
func linked(system scenarios.System, node string) error {
	if groups := system.LinkGroups(); len(groups[node]) == 0 {
		return fmt.Errorf("node: nothing dials %s and it dials nobody: want a node with links", node)
	}
	return nil
}
