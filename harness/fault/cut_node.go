package fault

import (
	"cmp"

	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// cutNode takes all links of a node down: it runs, and nobody reaches it, nor it anybody.
type cutNode struct {
	Node string `yaml:"node" json:"node"` // one, or a service; "" is all replicas of the shop
	On   On     `yaml:"on" json:"on"`
}

// linksOfShop is the name of the group that has all links of the shop, whatever its service is called.
const linksOfShop = "shop"

func cutNodeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "cut-node",
		Doc:       "A node is cut off from the network: all links that begin or end there are down.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &cutNode{On: once()} },
		Shareless: true,
	}
}

func (f *cutNode) Check(system scenarios.System) error {
	if f.Node != "" {
		if err := ownNode(system, f.Node); err != nil {
			return err
		}
		if err := linked(system, f.Node); err != nil {
			return err
		}
	}
	return f.On.check()
}

func (f *cutNode) Trigger() On { return f.On }

func (f *cutNode) Toxic() link.Toxic {
	return link.Toxic{Link: cmp.Or(f.Node, linksOfShop), Type: "down"}
}
