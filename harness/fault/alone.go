package fault

import (
	"errors"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// ForChannel lists every kind as one that a channel alone may have: those that befall something else are known, and
// refused with the reason.
func ForChannel(dialects []mockchannel.Dialect) []scenarios.Kind {
	faults, payers := Vocabulary(dialects)
	kinds := append(faults, payers...)
	for i := range kinds {
		if err := elsewhere(kinds[i].New()); err != nil {
			kinds[i].Possible = func(string, any) error { return err }
		}
	}
	return kinds
}

// elsewhere says why a fault cannot befall a channel alone.
func elsewhere(params any) error {
	const inRun = "put it into a scenario, for `paystorm run`"
	switch params.(type) {
	case Toxic:
		return errors.New("it befalls a link, and the channel alone has none: " + inRun)
	case NodeFault, Hold, Aborts:
		return errors.New("it befalls the shop's processes, and the channel alone has started none: " + inRun)
	case Effects:
		return errors.New("it befalls a shop's sinks, and the channel alone has none: " + inRun)
	case Reading:
		return errors.New("it reads a shop's books, and here is no shop: " + inRun)
	case Behaves:
		return errors.New("it is a payer's, and here you are the payer: act on the channel's page, or " + inRun)
	default:
		return nil
	}
}
