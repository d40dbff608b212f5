package sut

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/paystorm/paystorm/scenarios"
)

// Introspect asks an endpoint of the shop itself for its GraphQL schema.
func (d *door) Introspect(ctx context.Context, endpoint string) (*scenarios.Schema, error) {
	question, err := json.Marshal(map[string]string{"query": scenarios.IntrospectionQuery})
	if err != nil {
		return nil, err
	}
	answer, err := d.send(ctx, http.MethodPost, d.at(endpoint), nil, question)
	if err != nil {
		return nil, err
	}
	return scenarios.ParseIntrospection(answer)
}
