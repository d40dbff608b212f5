package draft

import (
	"cmp"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// FromOpenAPI guesses from an OpenAPI 3 document which of its operations a buyer and a test need. Every guess is marked in
// the system file: names say much, but not all.
func FromOpenAPI(file string) (Shop, error) {
	document, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return Shop{}, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	shop := Shop{From: filepath.Base(file)}
	if document.Info != nil {
		shop.Name = document.Info.Title
	}
	shop.Name = name(shop.Name)
	all := operations(document)
	shop.Ready = all.find(http.MethodGet, `^/(health|healthz|ready|readyz|livez|ping|status)$`).path
	shop.Callbacks = all.find(http.MethodPost, `(callback|webhook|notif|/ipn)[^{}]*$`).path
	shop.SetUp = all.find(http.MethodPost, `/(skus?|items|products|variants|inventory|stocks?)$`).request()
	shop.Order = all.find(http.MethodPost, `/(orders?|checkouts?|purchases?)$`).request()
	shop.Look = all.find(http.MethodGet, `/(orders?|checkouts?|purchases?)/\{[^}]*\}$`).request()
	shop.Cancel = all.find(http.MethodPost, `/orders?/\{[^}]*\}/cancel(lation)?$`).request()
	if shop.Cancel == nil {
		shop.Cancel = all.find(http.MethodDelete, `/orders?/\{[^}]*\}$`).request()
	}
	shop.Refund = all.find(http.MethodPost, `/orders?/\{[^}]*\}/refunds?$`).request()
	shop.Repay = all.find(http.MethodPost, `/orders?/\{[^}]*\}/(payments?|pay)$`).request()
	shop.Job = all.find(http.MethodPost, `/reconcil[a-z]*$`).request()
	shop.Books = all.find(http.MethodGet, `/orders?$`).books()
	shop.States = all.states()
	if shop.Order != nil {
		shop.Order.Capture = captures(shop.Order.Capture, "order", "payment")
	}
	if shop.Repay != nil {
		shop.Repay.Capture = captures(shop.Repay.Capture, "payment")
	}
	return shop, nil
}

// operation is one operation of the document; the zero value is none.
type operation struct {
	method, path string
	*openapi3.Operation
}

type operationList []operation

// operations lists all of them, by path and then by method.
func operations(document *openapi3.T) operationList {
	var all operationList
	if document.Paths == nil {
		return nil
	}
	for path, item := range document.Paths.Map() {
		for method, found := range item.Operations() {
			all = append(all, operation{method, path, found})
		}
	}
	slices.SortFunc(all, func(a, b operation) int {
		return cmp.Or(cmp.Compare(len(a.path), len(b.path)), cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	return all
}

// find is the operation with the shortest path that matches: the one that concerns the thing itself.
func (all operationList) find(method, path string) operation {
	pattern := regexp.MustCompile("(?i)" + path)
	for _, found := range all {
		if found.method == method && pattern.MatchString(found.path) {
			return found
		}
	}
	return operation{}
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// request is the operation as a step makes it; nil of no operation.
func (o operation) request() *Request {
	if o.Operation == nil {
		return nil
	}
	request := &Request{Verb: strings.ToLower(o.method), Path: parameter.ReplaceAllString(o.path, "{{ order }}")}
	for code := range o.Responses.Map() {
		status, err := strconv.Atoi(code)
		switch {
		case err != nil:
		case status >= 200 && status < 300:
			request.OK = append(request.OK, status)
		case status == http.StatusConflict || status == http.StatusUnprocessableEntity || status == http.StatusGone:
			request.Refused = append(request.Refused, status)
		}
	}
	slices.Sort(request.OK)
	slices.Sort(request.Refused)
	if len(request.OK) == 0 {
		request.OK = []int{http.StatusOK}
	}
	request.Fields = o.body()
	walk(o.answer(), "", func(path, name string, schema *openapi3.Schema) {
		switch {
		case schema == nil || len(schema.Properties)+len(schema.AllOf) > 0: // it holds more, and is no value
		case isState.MatchString(name):
			request.State = cmp.Or(request.State, path)
		case isOrder.MatchString(path):
			request.Capture = append(request.Capture, Field{"order", path})
		case isPayment.MatchString(path):
			request.Capture = append(request.Capture, Field{"payment", path})
		}
	})
	return request
}

// body is the operation's JSON body: each field that is known by name, and blanks for the others that must be there.
func (o operation) body() []Field {
	if o.RequestBody == nil || o.RequestBody.Value == nil {
		return nil
	}
	schema := jsonOf(o.RequestBody.Value.Content)
	if schema == nil {
		return nil
	}
	var fields []Field
	for _, name := range sortedNames(schema.Properties) {
		value := ""
		if at := slices.IndexFunc(inputs, func(w word) bool { return w.pattern.MatchString(name) }); at >= 0 {
			value = inputs[at].means
		}
		if value == "" && !slices.Contains(schema.Required, name) {
			continue
		}
		fields = append(fields, Field{name, cmp.Or(value, blank("the value of "+name))})
	}
	return fields
}

// answer is the schema of the first answer that counts as success.
func (o operation) answer() *openapi3.Schema {
	for _, code := range sortedNames(o.Responses.Map()) {
		response := o.Responses.Value(code)
		if strings.HasPrefix(code, "2") && response.Value != nil {
			return jsonOf(response.Value.Content)
		}
	}
	return nil
}

func jsonOf(content openapi3.Content) *openapi3.Schema {
	media := content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	return media.Schema.Value
}

// walkDepth is how deep an answer is looked into. A schema may contain itself.
const walkDepth = 4

// walk visits the fields of a schema, those above before those below them.
func walk(schema *openapi3.Schema, under string, visit func(path, name string, schema *openapi3.Schema)) {
	if schema == nil || strings.Count(under, ".") >= walkDepth {
		return
	}
	for _, part := range schema.AllOf {
		walk(part.Value, under, visit)
	}
	for _, name := range sortedNames(schema.Properties) {
		visit(under+name, name, schema.Properties[name].Value)
	}
	for _, name := range sortedNames(schema.Properties) {
		walk(schema.Properties[name].Value, under+name+".", visit)
	}
}

// captures keeps the first path of each name, and leaves a blank for a name that was not found.
func captures(found []Field, names ...string) []Field {
	var kept []Field
	for _, name := range names {
		at := slices.IndexFunc(found, func(f Field) bool { return f.Name == name })
		if at >= 0 {
			kept = append(kept, found[at])
			continue
		}
		kept = append(kept, Field{name, blank("where the answer has the " + name)})
	}
	return kept
}

// books is the operation as a probe of the orders.
func (o operation) books() *Request {
	request := o.request()
	if request == nil {
		return nil
	}
	rows := o.answer()
	if rows != nil && rows.Items == nil { // an envelope: the rows are its first list
		for _, name := range sortedNames(rows.Properties) {
			if property := rows.Properties[name].Value; property != nil && property.Items != nil {
				request.Rows, rows = name, property
				break
			}
		}
	}
	request.Fields = nil
	if rows == nil || rows.Items == nil {
		return request
	}
	walk(rows.Items.Value, "", func(path, name string, _ *openapi3.Schema) {
		for _, column := range columns {
			taken := slices.ContainsFunc(request.Fields, func(f Field) bool { return f.Name == column.means })
			if !taken && column.pattern.MatchString(path) {
				request.Fields = append(request.Fields, Field{column.means, path})
			}
		}
	})
	return request
}

// states are the values of the first order state that the document lists.
func (all operationList) states() []State {
	var found []State
	for _, operation := range all {
		if !ofOrders.MatchString(operation.path) {
			continue
		}
		walk(operation.answer(), "", func(_, name string, schema *openapi3.Schema) {
			if len(found) > 0 || !isState.MatchString(name) || schema == nil {
				return
			}
			for _, value := range schema.Enum {
				found = append(found, State{fmt.Sprint(value), canonical(fmt.Sprint(value))})
			}
		})
	}
	return found
}

// canonical is the canonical state that a word means everywhere, or "".
func canonical(state string) string {
	for _, known := range states {
		if known.pattern.MatchString(state) {
			return known.means
		}
	}
	return ""
}

func sortedNames[V any](of map[string]V) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
