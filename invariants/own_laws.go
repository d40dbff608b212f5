package invariants

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/history/tables"
	"github.com/paystorm/paystorm/money"
)

// lawWithin bounds one question of a team's own law.
const lawWithin = 30 * time.Second

// mostRows is how many violations of one law are taken from its answer. A law that is broken more often is broken.
const mostRows = 10_000

// ownLaws are the laws that the header brings along, asked of the run's tables. They are judged like all others: each is an
// invariant of one clause. end frees what they were asked of.
func ownLaws(run *Run) (laws []Invariant, end func()) {
	if len(run.Header.Laws) == 0 {
		return nil, func() {}
	}
	db, err := tablesOf(run)
	end = func() {
		if db != nil {
			_ = db.Close() // a memory that nobody asks any more
		}
	}
	for _, law := range run.Header.Laws {
		laws = append(laws, Invariant{
			ID: law.ID, Name: law.Name, Statement: law.Statement,
			Clauses: []Clause{{Name: law.Name, Needs: law.Needs, AfterSettle: len(law.Needs) > 0, Judge: ofTheRun(func(run *Run) Finding {
				if err != nil {
					return Finding{Unjudged: []string{"the tables could not be made: " + err.Error()}}
				}
				return judgeLaw(run, db, law)
			})}},
		})
	}
	return laws, end
}

// tablesOf are the run's tables, in memory.
func tablesOf(run *Run) (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	ctx := context.Background()
	if err := tables.Write(ctx, db, run.History, run.index.orderNumber); err != nil {
		return db, err
	}
	_, err = db.ExecContext(ctx, "PRAGMA query_only = ON")
	return db, err
}

func judgeLaw(run *Run, db *sql.DB, law history.Law) Finding {
	ctx, cancel := context.WithTimeout(context.Background(), lawWithin)
	defer cancel()
	var found Finding
	var cases int64
	if err := db.QueryRowContext(ctx, law.Cases).Scan(&cases); err != nil {
		return Finding{Unjudged: []string{"its cases could not be counted: " + lawError(ctx, err)}}
	}
	found.Evaluated = int(cases)
	violations, err := lawViolations(ctx, run, db, law)
	if err != nil {
		found.Unjudged = []string{"its violations could not be asked for: " + lawError(ctx, err)}
	}
	found.Violations = violations
	found.Exercised = max(int(cases), len(violations))
	return found
}

func lawError(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return fmt.Sprintf("no answer within %s", lawWithin)
	}
	return err.Error()
}

// lawViolations are the rows of a law's answer.
func lawViolations(ctx context.Context, run *Run, db *sql.DB, law history.Law) (found []Violation, err error) {
	rows, err := db.QueryContext(ctx, law.Wrong)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() && len(found) < mostRows {
		if err := rows.Scan(into...); err != nil {
			return found, err
		}
		violation, err := lawViolation(run, law, columns, values)
		if err != nil {
			return found, err
		}
		found = append(found, violation)
	}
	return found, rows.Err()
}

// lawViolation is one row: what its columns are called says what they are, and those without a meaning of their own are told as
// they are.
func lawViolation(run *Run, law history.Law, columns []string, values []sql.NullString) (Violation, error) {
	violation := Violation{Pattern: "broken: " + law.Name, Bearer: Bearer(law.Bearer)}
	currency, gross := "", false
	var detail []string
	for i, column := range columns {
		value := values[i].String
		var err error
		switch column {
		case "order_no":
			violation.Order = value
		case "sku":
			violation.SKU = value
		case "currency":
			currency = value
		case "detail":
			detail = append([]string{value}, detail...)
		case "net_minor":
			violation.Net.Minor, err = minorOf(values[i])
		case "gross_minor":
			violation.Gross.Minor, err = minorOf(values[i])
			gross = true
		case "units":
			violation.Units, err = minorOf(values[i])
		case "at_ns":
			var at int64
			at, err = minorOf(values[i])
			violation.Since = history.Time(at)
		default:
			if values[i].Valid {
				detail = append(detail, column+" "+value)
			}
		}
		if err != nil {
			return violation, fmt.Errorf("column %s: %w", column, err)
		}
	}
	if !gross {
		violation.Gross.Minor = violation.Net.Minor
	}
	if violation.Net.Minor < 0 || violation.Gross.Minor < 0 {
		return violation, fmt.Errorf("net_minor or gross_minor is below 0: want amounts of at least 0, and say in the law whose loss it is")
	}
	if currency == "" && violation.Gross.Minor > 0 {
		return violation, errors.New("net_minor has no currency: want a column currency beside it")
	}
	violation.Net.Currency, violation.Gross.Currency = currency, currency
	if violation.Gross == (money.Amount{}) {
		violation.Bearer = BearerNone
	}
	violation.Detail = strings.Join(detail, "; ")
	run.evidenceOf(&violation)
	return violation, nil
}

// minorOf is a whole number; what is not known counts as none.
func minorOf(value sql.NullString) (int64, error) {
	if !value.Valid {
		return 0, nil
	}
	var number int64
	if _, err := fmt.Sscanf(value.String, "%d", &number); err != nil || fmt.Sprint(number) != value.String {
		return 0, fmt.Errorf("%q is no whole number", value.String)
	}
	return number, nil
}

// evidenceOf gives a violation the rows and records of its order, else the reading that it was read in.
func (r *Run) evidenceOf(violation *Violation) {
	if story := r.index.byOrder[r.index.orderNumber(violation.Order, "")]; story != nil {
		violation.Order = story.Order
		violation.Evidence = append(story.moneyEvidence(), story.rowEvidence()...)
	}
	if len(violation.Evidence) == 0 && r.Final != nil {
		violation.Evidence = []Evidence{readingEvidence(r.Final)}
	}
	if violation.Since == 0 && r.Final != nil {
		violation.Since = r.Final.Begin
	}
}
