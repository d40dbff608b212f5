package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/scenarios/draft"
)

func initCommand() *cobra.Command {
	var openAPI, schema string
	var graphQL bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented system file to start from",
		Long: "Write a commented system file to start from, shop.yaml unless FILE says otherwise. What only you can know is left\n" +
			"blank in it and marked; validate lists the blanks.",
		Example: `  paystorm init
  paystorm init my-shop.yaml --openapi openapi.json
  paystorm init my-shop.yaml --graphql --schema schema.graphql`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := "shop.yaml"
			if len(args) > 0 {
				file = args[0]
			}
			shop, err := drafted(openAPI, schema, graphQL, file)
			if err != nil {
				return err
			}
			if err := writeDraft(file, shop); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is written: fill in its blanks; paystorm validate %s lists them\n", file, file)
			return nil
		},
	}
	cmd.Flags().Bool("rest", true, "a shop with a REST API")
	cmd.Flags().StringVar(&openAPI, "openapi", "", "the shop's OpenAPI 3 document, from which paths and fields are guessed")
	cmd.Flags().BoolVar(&graphQL, "graphql", false, "a shop with a GraphQL API, which needs --schema")
	cmd.Flags().StringVar(&schema, "schema", "", "the shop's GraphQL schema, from which operations are guessed")
	cmd.MarkFlagsMutuallyExclusive("rest", "graphql")
	cmd.MarkFlagsMutuallyExclusive("openapi", "schema")
	return cmd
}

// draftable is what can be written as a system file.
type draftable interface {
	Write(w io.Writer, file string) error
}

// drafted is what the documents tell of the shop.
func drafted(openAPI, schema string, graphQL bool, file string) (draftable, error) {
	switch {
	case schema != "":
		return draft.FromGraphQL(schema, file)
	case graphQL:
		return nil, errors.New("--graphql: operations are held against a schema: want --schema FILE, in the schema definition language")
	case openAPI != "":
		return draft.FromOpenAPI(openAPI)
	default:
		return draft.Shop{Name: draft.NameOf(file)}, nil
	}
}

// writeDraft writes the file, unless there is one.
func writeDraft(file string, shop draftable) error {
	var text bytes.Buffer
	if err := shop.Write(&text, file); err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and stays as it is: name another file", file)
	}
	if err != nil {
		return fmt.Errorf("write the system file: %w", err)
	}
	_, err = out.Write(text.Bytes())
	return errors.Join(err, out.Close())
}
