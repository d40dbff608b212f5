package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/scenarios/draft"
)

func initCommand() *cobra.Command {
	var openAPI string
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented system file to start from",
		Long: "Write a commented system file to start from, shop.yaml unless FILE says otherwise. What only you can know is left\n" +
			"blank in it and marked; validate lists the blanks.",
		Example: `  paystorm init
  paystorm init my-shop.yaml --openapi openapi.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := "shop.yaml"
			if len(args) > 0 {
				file = args[0]
			}
			shop := draft.Shop{Name: "my-shop"}
			if openAPI != "" {
				var err error
				if shop, err = draft.FromOpenAPI(openAPI); err != nil {
					return err
				}
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
	return cmd
}

// writeDraft writes the file, unless there is one.
func writeDraft(file string, shop draft.Shop) error {
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
