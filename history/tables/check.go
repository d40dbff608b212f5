package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// Check holds a query against the tables, which are empty, and says which of the shop's books it reads. It must be one statement that
// only reads.
func Check(query string) (books []string, err error) {
	ctx := context.Background() // nothing is asked of anybody but this process
	if !reads.MatchString(query) {
		return nil, errors.New("is no query: want one SELECT")
	}
	if several(query) {
		return nil, errors.New("has more than one statement: want one SELECT")
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if err := Write(ctx, db, nil, nil); err != nil {
		return nil, err
	}
	pages, err := rootPages(ctx, db)
	if err != nil {
		return nil, err
	}
	read, err := pagesRead(ctx, db, query)
	if err != nil {
		return nil, wrongQuery(query, err)
	}
	for _, page := range read {
		name := pages[page]
		if slices.Contains(history.Tables(), history.Table(name)) && !slices.Contains(books, name) {
			books = append(books, name)
		}
	}
	slices.Sort(books)
	return books, nil
}

// reads is a statement that begins as a query does, after its comments.
var reads = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*(select|with)\b`)

// several says whether a semicolon outside quotes and comments has anything after it.
func several(query string) bool {
	bare := quotes.ReplaceAllString(query, "x")
	_, rest, found := strings.Cut(bare, ";")
	return found && strings.TrimSpace(rest) != ""
}

var quotes = regexp.MustCompile(`(?s)'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/`)

// rootPages is which table begins on which page.
func rootPages(ctx context.Context, db *sql.DB) (map[int64]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT name, rootpage FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return nil, err
	}
	pages := map[int64]string{}
	for rows.Next() {
		var name string
		var page int64
		if err := rows.Scan(&name, &page); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		pages[page] = name
	}
	return pages, errors.Join(rows.Err(), rows.Close())
}

// pagesRead are the root pages that the query opens, as SQLite's own program for it says.
func pagesRead(ctx context.Context, db *sql.DB, query string) ([]int64, error) {
	rows, err := db.QueryContext(ctx, "EXPLAIN "+query)
	if err != nil {
		return nil, err
	}
	var pages []int64
	for rows.Next() {
		var address, p1, page, p3, p5 sql.NullInt64
		var operation string
		var p4, comment sql.NullString
		if err := rows.Scan(&address, &operation, &p1, &page, &p3, &p4, &p5, &comment); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if operation == "OpenRead" {
			pages = append(pages, page.Int64)
		}
	}
	return pages, errors.Join(rows.Err(), rows.Close())
}

// unknownWord is a table or a column that there is not.
type unknownWord struct {
	what, word string
	known      []string
}

func (e unknownWord) Error() string { return fmt.Sprintf("there is no %s %s", e.what, e.word) }

// Unknown is the word, and what there is.
func (e unknownWord) Unknown() (word string, known []string) { return e.word, e.known }

var (
	noSuchTable  = regexp.MustCompile(`no such table: (\S+)`)
	noSuchColumn = regexp.MustCompile(`no such column: (?:\w+\.)?(\w+)`)
)

// wrongQuery is what SQLite says of a query, with what there is instead.
func wrongQuery(query string, err error) error {
	said := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "SQL logic error: "), " (1)")
	if found := noSuchTable.FindStringSubmatch(said); found != nil {
		return unknownWord{"table", found[1], tableNames()}
	}
	if found := noSuchColumn.FindStringSubmatch(said); found != nil {
		return unknownWord{"column", found[1], columnsIn(query)}
	}
	return errors.New(said)
}

// columnsIn are the columns of the tables that a query names.
func columnsIn(query string) []string {
	var all []string
	for _, table := range Schema() {
		if !regexp.MustCompile(`\b` + table.Name + `\b`).MatchString(query) {
			continue
		}
		for _, column := range table.Columns {
			if !slices.Contains(all, column.Name) {
				all = append(all, column.Name)
			}
		}
	}
	return all
}

func tableNames() []string {
	var all []string
	for _, table := range Schema() {
		all = append(all, table.Name)
	}
	return all
}
