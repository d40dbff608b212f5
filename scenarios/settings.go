package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// systemPrefix begins the path of a setting that changes the system and not the scenario.
const systemPrefix = "system."

// WithSettings decodes both files again, changed by the settings (--set path=value). A path is dotted keys; an item of
// a list is named by its index from 0, and a fault or step by its id or name. A value is a bare scalar, or a list or map
// in YAML's flow style.
func WithSettings(
	scenario *Scenario, system *System, v Vocabulary, settings map[string]string,
) (*Scenario, *System, error) {
	if len(settings) == 0 {
		return scenario, system, nil
	}
	if scenario.source == nil || system.source == nil {
		return nil, nil, fmt.Errorf("settings: the scenario or system was not read from a file")
	}
	scenarioTree, systemTree := scenario.source.tree.clone(), system.source.tree.clone()
	var errs Errors
	for _, path := range slices.Sorted(maps.Keys(settings)) {
		tree, inTree := scenarioTree, path
		if after, found := strings.CutPrefix(path, systemPrefix); found {
			tree, inTree = systemTree, after
		}
		file := fmt.Sprintf("--set %s=%s", path, settings[path])
		if path == "system" {
			errs = append(errs, Error{File: file, Message: "the system is no setting: name another file with --system"})
			continue
		}
		value, valueErrs := settingValue(file, settings[path])
		errs = append(errs, valueErrs...)
		if err := set(tree, strings.Split(inTree, "."), value); err != nil {
			errs = append(errs, Error{File: file, Message: err.Error()})
		}
	}
	if len(errs) > 0 {
		return nil, nil, errs.asError()
	}
	changed, err := decodeScenario(scenario.source.with(scenarioTree), v)
	errs = appendErrors(errs, err)
	changedSystem, err := decodeSystem(system.source.with(systemTree), v)
	errs = appendErrors(errs, err)
	return changed, changedSystem, errs.asError()
}

// appendErrors joins what a decode reported; decoding reports nothing but Errors.
func appendErrors(errs Errors, err error) Errors {
	var more Errors
	errors.As(err, &more)
	return append(errs, more...)
}

// settingValue is a value of the command line as a node. Its place is the setting.
func settingValue(file, text string) (*node, Errors) {
	at := place{file: file}
	flow := strings.HasPrefix(text, "[") || (strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{"))
	if !flow {
		return &node{place: at, shape: shapeLoose, text: text}, nil
	}
	value, errs := parseTree(file, []byte(text))
	for index := range errs {
		errs[index].Line, errs[index].Column = 0, 0
	}
	if value != nil {
		value.standAt(at)
	}
	return value, errs
}

// standAt moves a tree to one place and makes its scalars loose, as all of the command line's are.
func (n *node) standAt(at place) {
	n.place = at
	for index := range n.entries {
		n.entries[index].place = at
		n.entries[index].value.standAt(at)
	}
	for _, item := range n.items {
		item.standAt(at)
	}
}

// set puts value at the path. Keys that a map does not have are added: whether they are allowed is the decoder's to
// say, which reports them at the setting.
func set(n *node, path []string, value *node) error {
	if value == nil {
		return nil
	}
	for depth, step := range path {
		last := depth == len(path)-1
		if n.shape == shapeSequence {
			item, err := n.item(step, path[:depth])
			if err != nil {
				return err
			}
			if last {
				*item = *value
				return nil
			}
			n = item
			continue
		}
		if n.shape == shapeNull { // a fault without parameters
			n.shape = shapeMapping
		}
		if n.isScalar() && depth == 2 && path[0] == "payers" { // a bare share
			share := *n
			*n = node{place: share.place, shape: shapeMapping, entries: []entry{{"share", share.place, &share}}}
		}
		if n.shape != shapeMapping {
			return fmt.Errorf("%s is a single value and has no %q", strings.Join(path[:depth], "."), step)
		}
		n = n.descend(step, last, value)
	}
	return nil
}

// descend is the value under a key, which is added where there is none, and replaced by value if it is the last.
func (n *node) descend(key string, last bool, value *node) *node {
	at := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == key })
	if at < 0 {
		n.entries = append(n.entries, entry{key, value.place, &node{place: value.place, shape: shapeMapping}})
		at = len(n.entries) - 1
	}
	if last {
		n.entries[at].place, n.entries[at].value = value.place, value
	}
	return n.entries[at].value
}

// item finds an item of a list by its index, or, where items are maps with one key, by that key or its value's id: the
// value is what is found then.
func (n *node) item(step string, path []string) (*node, error) {
	list := strings.Join(path, ".")
	if index, err := strconv.Atoi(step); err == nil {
		if index < 0 || index >= len(n.items) {
			return nil, fmt.Errorf("%s has %d items, numbered from 0: there is no %s", list, len(n.items), step)
		}
		return n.items[index], nil
	}
	var known []string
	for _, item := range n.items {
		key, value, ok := item.single()
		if !ok {
			continue
		}
		if id := value.child("id"); id != nil {
			key = id.text
		}
		if key == step {
			return value, nil
		}
		known = append(known, key)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%s is a list: want an index from 0 to %d, not %q", list, len(n.items)-1, step)
	}
	return nil, fmt.Errorf("%s has no %q: %s", list, step, choose(step, known))
}
