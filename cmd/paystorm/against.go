package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/paystorm/paystorm/scenarios"
)

// validateAgainst holds the operations of system files against another GraphQL schema than their own: what a release of
// the shop would break. other is the schema's file, after "/endpoint=" for a system that has several endpoints.
func validateAgainst(out io.Writer, library scenarios.Library, other string, systems []string) error {
	endpoint, file, named := strings.Cut(other, "=")
	if !named || !strings.HasPrefix(endpoint, "/") {
		endpoint, file = "", other
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--against: %w", err)
	}
	schema, err := scenarios.ParseSchema(file, text)
	if err != nil {
		return err
	}
	var all scenarios.Errors
	for _, name := range systems {
		system, err := library.FindSystem(name, vocabulary())
		if invalid := (scenarios.Errors{}); errors.As(err, &invalid) {
			all = append(all, invalid...)
			continue
		}
		if err != nil {
			return err
		}
		at, err := chosenEndpoint(*system, endpoint)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		broken, held := system.BreaksUnder(at, schema)
		switch {
		case held == 0:
			return fmt.Errorf("%s: sends no operation to %s, and so nothing to hold against a schema", name, at)
		case len(broken) == 0:
			fmt.Fprintf(out, "%s: nothing breaks under %s, of %d operations\n", name, file, held)
		}
		all = append(all, broken...)
	}
	if len(all) > 0 {
		return all
	}
	return nil
}

// chosenEndpoint is the endpoint that was named, or the only one that there is.
func chosenEndpoint(system scenarios.System, named string) (string, error) {
	endpoints := system.Endpoints()
	list := strings.Join(endpoints, ", ")
	_, known := system.GraphQL[named]
	switch {
	case len(endpoints) == 0:
		return "", errors.New("has no GraphQL endpoint, and so nothing to hold against a schema")
	case known:
		return named, nil
	case named != "":
		return "", fmt.Errorf("has no GraphQL endpoint %s: want one of %s", named, list)
	case len(endpoints) > 1:
		return "", fmt.Errorf("has the GraphQL endpoints %s: say which, as in --against %s=FILE", list, endpoints[0])
	}
	return endpoints[0], nil
}
