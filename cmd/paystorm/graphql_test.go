package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestShippedSchemaIsTheShops: operations of flashshop-graphql.yaml are held against a copy of the schema that the shop
// serves, because neither of the two may import the other.
func TestShippedSchemaIsTheShops(t *testing.T) {
	var texts [2]string
	for index, folder := range []string{"examples/flashshop/shop.graphql", "scenarios/library/systems/flashshop.graphql"} {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(folder)))
		if err != nil {
			t.Fatal(err)
		}
		texts[index] = string(text)
	}
	if texts[0] != texts[1] {
		t.Error("scenarios/library/systems/flashshop.graphql is not examples/flashshop/shop.graphql: copy it there")
	}
}
