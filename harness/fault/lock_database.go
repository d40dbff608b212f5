package fault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Modes of a lock on a SQLite file. With a write-ahead log both let readers pass.
const (
	lockExclusive = "exclusive"
	lockImmediate = "immediate"
)

// lockDatabase holds a transaction open on the shop's SQLite file, so that the shop cannot write.
type lockDatabase struct {
	Mode string `yaml:"mode" json:"mode" jsonschema:"enum=exclusive,enum=immediate"` // exclusive or immediate
	On   On     `yaml:"on" json:"on"`
}

func lockDatabaseKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "lock-database",
		Doc:       "Another process holds the write lock of the shop's SQLite file for a while (`for`).",
		Contract:  string(history.Seen),
		Unit:      unitLock,
		Exercises: []string{"I11"},
		New:       func() any { return &lockDatabase{Mode: lockExclusive, On: once()} },
		Shareless: true,
	}
}

func (f *lockDatabase) Check(system scenarios.System) error {
	if err := oneOf("mode", f.Mode, lockExclusive, lockImmediate); err != nil {
		return err
	}
	for _, probe := range system.Probes {
		if probe.SQLite != "" {
			return f.On.check()
		}
	}
	return errors.New("lock-database needs a shop whose probes read a SQLite file")
}

func (f *lockDatabase) Trigger() On { return f.On }

// Hold waits for the shop's own write, if one is under way, for as long as ctx allows.
func (f *lockDatabase) Hold(ctx context.Context, path string) (release func() error, err error) {
	file := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=rw&_pragma=busy_timeout(4000)"}
	database, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, fmt.Errorf("opening it: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, database.Close())
		}
	}()
	connection, err := database.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	begin := "BEGIN EXCLUSIVE"
	if f.Mode == lockImmediate {
		begin = "BEGIN IMMEDIATE"
	}
	if _, err := connection.ExecContext(ctx, begin); err != nil {
		return nil, errors.Join(fmt.Errorf("taking the lock: %w", err), connection.Close())
	}
	return func() error {
		// The lock ends with its connection at the latest, whatever becomes of the rollback.
		_, failed := connection.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(failed, connection.Close(), database.Close())
	}, nil
}
