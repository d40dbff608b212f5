// Package link keeps the named TCP links between client, shop, channel and database, each with an in-process toxiproxy
// chain in it, so that a fault can slow, cut or garble one direction of one of them.
//
// Start opens the listeners before their upstreams exist; a fault puts a Toxic on a link and takes it off again, and
// taking off is bounded, verified and safe to repeat. In front of each toxic a pass-through tally counts what the fault
// really touched, because toxiproxy itself counts nothing. A name may mean a group of links, and a balancer spreads its
// connections over the links of one.
package link

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Direction is which way through a link a fault works, seen from the side that dials.
type Direction string

// The directions of a link. Upstream is towards the server: what is lost there was not processed. Downstream is the
// answer: what is lost there was.
const (
	Upstream   Direction = "upstream"
	Downstream Direction = "downstream"
)

// Toxic is a fault on one direction of one link.
type Toxic struct {
	Fault     string    // the fault's id; a link may bear several
	Link      string    // "client->shop", "shop->channel", "channel->shop", or a group
	Direction Direction // ignored by "down"
	Type      string    // a toxiproxy type (latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data), or "down"
	// Attributes are the toxiproxy type's own, for instance {"latency": 80, "jitter": 40}: whole numbers from 0.
	Attributes map[string]any
}

// Types of toxic that are treated apart.
const (
	typeDown      = "down"
	typeReset     = "reset_peer"
	typeTimeout   = "timeout"
	typeLimitData = "limit_data"
	typeSlicer    = "slicer"
	typeBandwidth = "bandwidth"
)

// attributes lists the types and what each may be given.
func attributes() map[string][]string {
	return map[string][]string{
		typeDown:      {},
		"latency":     {"latency", "jitter"},                       // milliseconds
		typeBandwidth: {"rate"},                                    // kilobytes a second
		"slow_close":  {"delay"},                                   // milliseconds
		typeTimeout:   {"timeout"},                                 // milliseconds; 0: never closes
		typeReset:     {"timeout"},                                 // milliseconds
		typeSlicer:    {"average_size", "size_variation", "delay"}, // bytes, bytes, microseconds
		typeLimitData: {"bytes"},
	}
}

// check says what is wrong with a toxic. toxiproxy ignores attributes that it does not know, and hangs or panics on some
// values.
func (t Toxic) check() error {
	known, ok := attributes()[t.Type]
	if !ok {
		return fmt.Errorf("unknown toxic %q: want one of %s", t.Type, strings.Join(slices.Sorted(maps.Keys(attributes())), ", "))
	}
	if t.Type != typeDown && t.Direction != Upstream && t.Direction != Downstream {
		return fmt.Errorf("%s: direction %q: want %s or %s", t.Type, t.Direction, Upstream, Downstream)
	}
	values := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		value, whole := wholeNumber(t.Attributes[name])
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("%s: unknown attribute %q: want one of %s", t.Type, name, strings.Join(known, ", "))
		case !whole:
			return fmt.Errorf("%s: %s is %v: want a whole number from 0", t.Type, name, t.Attributes[name])
		}
		values[name] = value
	}
	switch {
	case t.Type == typeBandwidth && values["rate"] < 1:
		return fmt.Errorf("%s: rate is %d: want 1 kilobyte a second or more", t.Type, values["rate"])
	case t.Type == typeSlicer && values["average_size"] < 1:
		return fmt.Errorf("%s: average_size is %d: want 1 byte or more", t.Type, values["average_size"])
	case t.Type == typeSlicer && values["size_variation"] >= values["average_size"]:
		return fmt.Errorf("%s: size_variation is %d: want less than the average size of %d", t.Type, values["size_variation"], values["average_size"])
	}
	return nil
}

// wholeNumber reads a number from Go or from JSON. More than 2³¹ of anything here is a mistake.
func wholeNumber(value any) (int64, bool) {
	var number float64
	switch value := value.(type) {
	case int:
		number = float64(value)
	case int64:
		number = float64(value)
	case float64:
		number = value
	default:
		return 0, false
	}
	if number != math.Trunc(number) || number < 0 || number > math.MaxInt32 {
		return 0, false
	}
	return int64(number), true
}
