package sut

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/scenarios"
)

// Introspect asks an endpoint of the shop itself for its GraphQL schema.
func (d *door) Introspect(ctx context.Context, endpoint string) (*scenarios.Schema, error) {
	question, err := graphQLBody(scenarios.GraphQL{Query: scenarios.IntrospectionQuery}, nil)
	if err != nil {
		return nil, err
	}
	answer, err := d.send(ctx, http.MethodPost, d.at(endpoint), nil, question)
	if err != nil {
		return nil, err
	}
	return scenarios.ParseIntrospection(answer)
}

// graphQLBody is a GraphQL request as it is POSTed.
func graphQLBody(request scenarios.GraphQL, values scenarios.Values) ([]byte, error) {
	template, err := scenarios.ParseBody(map[string]any{"query": request.Query, "variables": request.Variables})
	if err != nil {
		return nil, err
	}
	return template.Execute(values)
}

// graphQLErrors is what a GraphQL answer says went wrong, whatever its status.
func graphQLErrors(answer []byte) error {
	errors := gjson.GetBytes(answer, "errors")
	if !errors.IsArray() || len(errors.Array()) == 0 {
		return nil
	}
	return fmt.Errorf("the shop answers with errors: %s", cmp.Or(errors.Get("0.message").String(), excerpt(errors.Raw)))
}
