package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// PlanFaults plans faults that are written on a command line, each as a scenario would have it under `faults:`, such as
// "lose-callbacks: {share: 30%}" or a kind's bare name. The system is that of a shop which nobody has described beyond
// its channel's dialect. What is wrong comes as Errors, all of it, under the flag's name.
func PlanFaults(flag string, texts []string, dialect string, v Vocabulary) ([]Fault, error) {
	d := newDecoder(v)
	system := &System{Channel: ChannelUse{Dialect: dialect}}
	var specs []FaultSpec
	for _, text := range texts {
		file := fmt.Sprintf("%s %q", flag, text)
		if strings.TrimSpace(text) == "" {
			d.fail(place{file: file}, "want a fault, such as lose-callbacks: {share: 30%%}")
			continue
		}
		tree, errs := parseTree(file, []byte(text))
		for index := range errs {
			errs[index].Line, errs[index].Column = 0, 0
		}
		d.errs = append(d.errs, errs...)
		if tree == nil || len(errs) > 0 {
			continue
		}
		tree.standAt(place{file: file})
		if name := tree; name.isScalar() {
			tree = &node{place: name.place, shape: shapeMapping, entries: []entry{
				{key: name.text, place: name.place, value: &node{place: name.place}},
			}}
		}
		list := &node{place: tree.place, shape: shapeSequence, items: []*node{tree}}
		specs = append(specs, d.faults(list, "faults")...)
	}
	crossed := cross{system: system, faults: v.Faults}
	crossed.faultIDs(&Scenario{Faults: specs})
	for _, spec := range specs {
		crossed.window(spec)
		crossed.alone(spec)
	}
	if errs := append(d.errs, crossed.errs...); len(errs) > 0 {
		return nil, errs.asError()
	}
	return planFaults(specs, v.Faults, nil)
}

// alone checks a fault that has no scenario around it. Whoever asks for it by itself wants it, so none is optional.
func (c *cross) alone(spec FaultSpec) {
	kind := c.faults[slices.IndexFunc(c.faults, func(k Kind) bool { return k.Name == spec.Kind })]
	if err := kind.impossible(spec, c.system); err != nil {
		c.refused(spec, err)
		return
	}
	if kind.Fits != nil {
		c.refused(spec, kind.Fits(spec))
	}
	if params, checks := spec.Params.(Checker); checks {
		c.refused(spec, params.Check(*c.system))
	}
}
