package load

import (
	"maps"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Given is what buyers need to know beside the plan: it is known only once the shop is up, and no file of a run may hold
// the secrets. It reaches the child through its gate.
type Given struct {
	Captured map[string]string            `json:"captured,omitempty"` // by the steps that configured the shop
	Items    map[string]map[string]string `json:"items,omitempty"`    // SKU → what its set-up captured
	Secrets  scenarios.Secrets            `json:"secrets"`
}

// Opening is what the parent says through the gate. The first may be for the warm-up of a script, and opens nothing else.
type Opening struct {
	WarmUp int          `json:"warm_up,omitempty"` // so many buyers, and then wait again
	At     history.Time `json:"at_ns"`             // the storm's time zero
	Given  Given        `json:"given"`
}

// values are what templates may name of all this for an item. They are a map of the caller's own.
func (g Given) values(item scenarios.Item) scenarios.Values {
	values := g.common()
	maps.Copy(values, g.item(item))
	return values
}

// coupon are what templates may name where a coupon is given away.
func (g Given) coupon(coupon scenarios.Coupon) scenarios.Values {
	values := g.common()
	maps.Copy(values, coupon.Values())
	return values
}

// common is what does not depend on what is bought.
func (g Given) common() scenarios.Values {
	values := g.Secrets.Values()
	for name, value := range g.Captured {
		values[name] = value
	}
	return values
}

// item is what there is to know of the item alone.
func (g Given) item(item scenarios.Item) scenarios.Values {
	values := scenarios.Values{}
	for name, value := range g.Items[item.SKU] {
		values[name] = value
	}
	maps.Copy(values, item.Values())
	return values
}
