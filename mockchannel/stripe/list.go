package stripe

import (
	"slices"

	"github.com/paystorm/paystorm/mockchannel"
)

// page is which part of a list is asked for: https://docs.stripe.com/api/pagination.
type page struct {
	limit         int
	after, before string // ids
	since, until  int64  // seconds of business time, both included; 0: unbounded
}

const (
	defaultLimit = 10
	largestLimit = 100
)

// page reads the parameters that every list has, and refuses others than these and those named.
func (r *request) page(known ...string) (page, error) {
	p := page{
		limit: int(r.integer("limit", defaultLimit)), after: r.filled("starting_after"), before: r.filled("ending_before"),
		since: max(r.integer("created[gte]", 0), r.integer("created[gt]", -1)+1),
		until: r.integer("created[lte]", 0),
	}
	if before := r.integer("created[lt]", 0); before > 0 && (p.until == 0 || before-1 < p.until) {
		p.until = before - 1
	}
	if _, exact := r.get("created"); exact {
		p.since = r.integer("created", 0)
		p.until = p.since
	}
	switch {
	case p.limit < 1:
		r.fail(invalid("parameter_invalid_integer", "limit", "This value must be greater than or equal to 1."))
	case p.limit > largestLimit:
		r.fail(invalid("parameter_invalid_integer", "limit", "This value must be less than or equal to 100."))
	case p.after != "" && p.before != "":
		r.fail(invalid("parameters_exclusive", "starting_after", "You may only specify one of these parameters: starting_after, ending_before."))
	}
	return p, r.check(append(known, "limit", "starting_after", "ending_before")...)
}

// covers says whether a list has what was created then.
func (p page) covers(created int64) bool {
	return created >= p.since && (p.until == 0 || created <= p.until)
}

// cut takes the page out of a list, newest first. kind is what a cursor that is not in it is called.
func cut[T any](p page, list []T, id func(T) string, kind string) (part []T, more bool, err error) {
	from, to := 0, len(list)
	find := func(cursor, param string) (int, error) {
		at := slices.IndexFunc(list, func(item T) bool { return id(item) == cursor })
		if at < 0 {
			return 0, noSuch(kind, cursor, param)
		}
		return at, nil
	}
	switch {
	case p.after != "":
		at, err := find(p.after, "starting_after")
		if err != nil {
			return nil, false, err
		}
		from = at + 1
	case p.before != "":
		at, err := find(p.before, "ending_before")
		if err != nil {
			return nil, false, err
		}
		to = at
		if to-p.limit > 0 {
			return list[to-p.limit : to], true, nil
		}
	}
	if to-from > p.limit {
		return list[from : from+p.limit], true, nil
	}
	return list[from:to], false, nil
}

// answerList is a page of a list as https://docs.stripe.com/api/pagination has it.
func answerList[T any](
	r *request, call *mockchannel.Call, p page, kind string, list []T, id func(T) string, write func(*writer, T),
) (mockchannel.Answer, error) {
	part, more, err := cut(p, list, id, kind)
	if err != nil {
		return mockchannel.Answer{}, err
	}
	return r.answer(call, func(w *writer) {
		w.begin("")
		w.string("object", "list")
		w.beginList("data")
		outer := w.expand
		w.expand = below(outer, "data")
		for _, item := range part {
			write(w, item)
		}
		w.expand = outer
		w.endList()
		w.bool("has_more", more)
		w.string("url", r.http.URL.Path)
		w.end()
	}), nil
}

// newestOf lists the objects of a kind, newest first.
func newestOf[T any](call *mockchannel.Call, kind string) []T {
	var list []T
	for _, object := range slices.Backward(call.Objects(kind)) {
		if value, is := object.Value.(T); is {
			list = append(list, value)
		}
	}
	return list
}
