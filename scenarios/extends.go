package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
)

// keyExtends names, in a system file, another one beside it that this one changes: maps are laid over each other key by
// key, a map over a list changes those of its items that it names as a setting would, everything else takes the place of
// what was there, and a key without a value takes its own away. So one shop with several payment providers is described
// once.
const keyExtends = "extends"

var systemName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// extend gives the source the tree of the file that it extends, with its own laid over it.
func (s *source) extend() Errors {
	named := s.tree.child(keyExtends)
	if named == nil {
		return nil
	}
	wrong := func(format string, args ...any) Errors {
		return Errors{named.fault(keyExtends + ": " + fmt.Sprintf(format, args...))}
	}
	if named.shape != shapeText || !systemName.MatchString(named.text) {
		return wrong("want the name of a system file beside this one, without its .yaml")
	}
	file, text, err := s.read(named.text + ".yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return wrong("there is no file %s", file)
	}
	if err != nil {
		return wrong("%v", err)
	}
	base, errs := parseTree(file, text)
	switch {
	case len(errs) > 0:
		return errs
	case base.child(keyExtends) != nil:
		return wrong("%s extends another one itself", file)
	}
	own := *s.tree
	own.entries = slices.DeleteFunc(slices.Clone(own.entries), func(e entry) bool { return e.key == keyExtends })
	base.place, s.tree = own.place, base // what both lack is missing here
	return base.overlay(&own)
}

// overlay lays another tree over this one.
func (n *node) overlay(over *node) (errs Errors) {
	for _, change := range over.entries {
		at := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == change.key })
		switch {
		case change.value.shape == shapeNull && at < 0:
			errs = append(errs, change.value.fault(fmt.Sprintf("%s: there is nothing to take away", change.key)))
		case change.value.shape == shapeNull:
			n.entries = slices.Delete(n.entries, at, at+1)
		case at < 0:
			n.entries = append(n.entries, change)
		case change.value.shape == shapeMapping && n.entries[at].value.shape == shapeMapping:
			errs = append(errs, n.entries[at].value.overlay(change.value)...)
		case change.value.shape == shapeMapping && n.entries[at].value.shape == shapeSequence:
			errs = append(errs, n.entries[at].value.overlayItems(change.key, change.value)...)
		default:
			n.entries[at] = change
		}
	}
	return errs
}

// overlayItems lays maps over items of a list.
func (n *node) overlayItems(list string, over *node) (errs Errors) {
	for _, change := range over.entries {
		item, err := n.item(change.key, []string{list})
		switch {
		case err != nil:
			errs = append(errs, Error{File: change.place.file, Line: change.place.line, Column: change.place.column, Message: err.Error()})
		case item.shape != shapeMapping || change.value.shape != shapeMapping:
			errs = append(errs, change.value.fault(fmt.Sprintf("%s: only a map is laid over an item of a list", change.key)))
		default:
			errs = append(errs, item.overlay(change.value)...)
		}
	}
	return errs
}

func (n *node) fault(message string) Error {
	return Error{File: n.file, Line: n.line, Column: n.column, Message: message}
}
