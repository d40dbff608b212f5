package scenarios

import (
	"reflect"
	"slices"
	"strings"
)

// common are the keys that every fault has beside its own parameters.
type common struct {
	ID    string   `yaml:"id" jsonschema:"pattern=^[a-z0-9][a-z0-9-]*$"`
	Share Share    `yaml:"share"`
	Only  Only     `yaml:"only"`
	When  string   `yaml:"when"`
	From  Duration `yaml:"from"`
	For   Duration `yaml:"for"`
	Until string   `yaml:"until"`

	Optional bool `yaml:"optional"` // leave it out where the system's provider cannot produce it
}

// faults decodes `faults:`, a list of single-key maps, or `payers:`, a map from kind to parameters or a bare share.
func (d *decoder) faults(n *node, label string) []FaultSpec {
	payers := label == "payers"
	kinds := d.vocabulary.Faults
	if payers {
		kinds = d.vocabulary.Payers
	}
	var specs []FaultSpec
	switch {
	case payers && n.shape == shapeMapping:
		for _, entry := range n.entries {
			specs = append(specs, d.fault(entry.key, entry.place, entry.value, kinds, payers)...)
		}
	case !payers && n.shape == shapeSequence:
		for _, item := range n.items {
			if _, _, ok := item.single(); !ok {
				d.fail(item.place, "faults: want one fault as a map with one key, such as {lose-callbacks: {share: 30%%}}")
				continue
			}
			only := item.entries[0]
			specs = append(specs, d.fault(only.key, only.place, only.value, kinds, payers)...)
		}
	case payers:
		d.fail(n.place, "payers: want a map such as {abandon: 3%%}, not %s", n.describe())
	default:
		d.fail(n.place, "faults: want a list such as [{lose-callbacks: {share: 30%%}}], not %s", n.describe())
	}
	return specs
}

// fault decodes one fault, or nothing if its kind is unknown.
func (d *decoder) fault(name string, at place, n *node, kinds []Kind, payers bool) []FaultSpec {
	found := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if found < 0 {
		noun := "fault"
		if payers {
			noun = "payer fault"
		}
		d.fail(at, "unknown %s %q: %s", noun, name, choose(name, names(kinds, kindName)))
		return nil
	}
	kind := kinds[found]
	switch {
	case n.shape == shapeNull && payers:
		d.fail(n.place, "%s: has no value: want a share such as 3%%, or a map of parameters", name)
		return nil
	case n.shape == shapeNull:
		n = &node{place: at, shape: shapeMapping}
	case n.isScalar() && payers:
		n = &node{place: n.place, shape: shapeMapping, entries: []entry{{key: "share", place: n.place, value: n}}}
	}
	spec := FaultSpec{Kind: name, Place: Error{File: at.file, Line: at.line, Column: at.column}.Place(), node: n, at: at}
	settings := common{ID: name, Share: 1, Until: UntilHeal}
	if kind.New != nil {
		spec.Params = kind.New()
	}
	d.parameters(n, kind, payers, &settings, spec.Params)
	spec.ID, spec.Share, spec.Only, spec.When = settings.ID, settings.Share, settings.Only, settings.When
	spec.From, spec.For, spec.Until = settings.From, settings.For, settings.Until
	spec.Optional = settings.Optional
	return []FaultSpec{spec}
}

// parameters splits a fault's map into the common keys and the kind's own, and decodes each part.
func (d *decoder) parameters(n *node, kind Kind, payers bool, settings *common, params any) {
	if n.shape != shapeMapping {
		d.fail(n.place, "%s: want a map of parameters, not %s", kind.Name, n.describe())
		return
	}
	allowed := commonKeys(kind, payers)
	own := &node{place: n.place, shape: shapeMapping}
	shared := &node{place: n.place, shape: shapeMapping}
	for _, entry := range n.entries {
		switch {
		case slices.Contains(allowed, entry.key):
			shared.entries = append(shared.entries, entry)
		case kind.Shareless && (entry.key == "share" || entry.key == "only"):
			d.fail(entry.place, "%s: %s strikes as a whole and cannot be narrowed by %s", entry.key, kind.Name, entry.key)
		default:
			own.entries = append(own.entries, entry)
		}
	}
	d.structure(shared, kind.Name, reflect.ValueOf(settings).Elem(), nil)
	d.when(shared.child("when"))
	into := reflect.ValueOf(params)
	if into.Kind() != reflect.Pointer || into.IsNil() || into.Elem().Kind() != reflect.Struct {
		into = reflect.ValueOf(&struct{}{})
	}
	d.structure(own, kind.Name, into.Elem(), allowed)
}

// when checks a predicate: one payment state, or several with bars between them.
func (d *decoder) when(n *node) {
	if n == nil || !n.isScalar() {
		return
	}
	for word := range strings.SplitSeq(n.text, "|") {
		if state := strings.TrimSpace(word); !slices.Contains(PaymentStates(), state) {
			d.fail(n.place, "when: unknown payment state %q: %s; several are written as failed|closed",
				state, choose(state, PaymentStates()))
		}
	}
}

// commonKeys are the common keys that a kind may have.
func commonKeys(kind Kind, payers bool) []string {
	keys := []string{"id", "when", "from", "for"}
	if !kind.Shareless {
		keys = append(keys, "share", "only")
	}
	if !payers {
		keys = append(keys, "until", "optional")
	}
	return keys
}
