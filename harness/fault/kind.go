package fault

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// All lists every kind of fault. A new kind is one file and one line here.
func All() []scenarios.Kind {
	return []scenarios.Kind{
		// Notifications on their way to the shop.
		delayCallbacksKind(), duplicateCallbacksKind(), staleCallbacksKind(), loseCallbacksKind(),
		reorderCallbacksKind(), ignoreAcksKind(), forgeCallbacksKind(), wrongAmountCallbacksKind(),
		signatureProbeKind(), twinCallbacksKind(),
		// The shop's requests to the channel.
		rejectRequestsKind(), loseResponsesKind(), slowResponsesKind(), queryLagKind(), earlyCallbacksKind(),
		missignResponsesKind(), spoilBillsKind(),
		// Both ways.
		rotateKeysKind(),
		// The channel's ledger.
		shortCaptureKind(), lateSuccessKind(), failRefundsKind(), providerRefundsKind(), disputeKind(),
		inProcessKind(),
		// Links.
		slowLinkKind(), cutLinkKind(), resetLinkKind(), timeoutLinkKind(), throttleLinkKind(), sliceLinkKind(),
		limitLinkKind(),
		// Nodes.
		killNodeKind(), pauseNodeKind(), stopNodeKind(), cutNodeKind(), squeezeNodeKind(), fillDiskKind(), skewClockKind(),
		runInNodeKind(), lockDatabaseKind(), abortTransactionsKind(),
		// What the shop sends to the world.
		failSinksKind(),
		// None: a look at the books.
		readBooksKind(),
		// Payers.
		abandonKind(), declineFirstKind(), payLateKind(), payTwiceKind(), switchPaymentKind(), payAfterCancelKind(), cancelRaceKind(),
		doubleClickKind(), parallelOrdersKind(), parallelRefundsKind(), retryStormKind(),
	}
}

// Vocabulary parts All into what may stand under `faults:` and what under `payers:`, and says what of it is possible in
// which of the dialects.
func Vocabulary(dialects []mockchannel.Dialect) (faults, payers []scenarios.Kind) {
	traits := map[string]mockchannel.Traits{}
	for _, dialect := range dialects {
		traits[dialect.Name()] = dialect.Traits()
	}
	for _, kind := range All() {
		params := kind.New()
		kind.Fits = func(spec scenarios.FaultSpec) error { return fits(cmp.Or(spec.Params, params), spec.Only, spec.When) }
		kind.Possible = func(dialect string, params any) error {
			needs, picky := params.(Needs)
			if !picky {
				return nil
			}
			if err := needs.Needs(traits[dialect]); err != nil {
				return fmt.Errorf("%w in the dialect %s", err, dialect)
			}
			return nil
		}
		if _, behaves := params.(Behaves); behaves {
			payers = append(payers, kind)
		} else {
			faults = append(faults, kind)
		}
	}
	return faults, payers
}

// The parameters of a kind implement at least one of the interfaces below. Whether the fault hits is decided before
// they are asked; an answer that is zero all the same (a request of another operation, say) affects nothing.
type (
	// Requests interferes with merchants' requests. It is decided anew for each attempt.
	Requests interface {
		Request(Planned, mockchannel.Request) mockchannel.RequestFault
	}
	// persistent is a fault of requests that may be told for how many attempts it stays with an order: the first n of an
	// operation, or all, for one decision. nil: each attempt is decided for itself.
	persistent interface {
		persists() *Times
	}
	// Changes interferes with the ledger.
	Changes interface {
		Change(Planned, mockchannel.Change) mockchannel.ChangeFault
	}
	// Notices interferes with a notification as a whole.
	Notices interface {
		Notice(Planned, mockchannel.Notice) mockchannel.NoticeFault
	}
	// Attempts interferes with single delivery attempts. It is decided anew for each attempt.
	Attempts interface {
		Attempt(Planned, mockchannel.Notice, int) mockchannel.AttemptFault
	}
	// Effects interferes with what the shop sends to the world. It is decided anew for each attempt.
	Effects interface {
		strikes(sink string) bool
		// Sink is what goes wrong with an effect; key is the order's for keyed decisions.
		Sink(p Planned, arrival Arrival, key string) Mishap
	}
	// Toxic is a fault of a link. The engine fills in the fault's id.
	Toxic interface {
		Toxic() link.Toxic
	}
	// NodeFault strikes processes or containers, and undoes it. The service is what the system file says of a container,
	// and nothing for a process.
	NodeFault interface {
		Strike(context.Context, Node, scenarios.Service) error
		// Heal may be called again after an error. restarted says that the node has begun a new life.
		Heal(context.Context, Node, scenarios.Service) (restarted bool, err error)
		// Target names the node to strike, or a service of several; "" is the shop.
		Target() string
	}
	// Hold takes something of a SQLite file and keeps it until release.
	Hold interface {
		Hold(ctx context.Context, path string) (release func() error, err error)
	}
	// Aborts ends transactions of the shop's database server, a share of those that it finds open.
	Aborts interface {
		// Ready says why the server would not let it.
		Ready(context.Context, Server) error
		// Abort works until ctx is done, and returns how many it has ended.
		Abort(context.Context, Planned, Server) int64
	}
	// Reading reads the shop's books when its time is over, and changes nothing.
	Reading interface {
		readsBooks()
	}
	// Triggered faults may strike at a moment of the history and not by the clock.
	Triggered interface {
		Trigger() On
	}
	// Lasting faults know themselves how long they last; all others last for their window.
	Lasting interface {
		Lasts() time.Duration
	}
	// Needs refuses a provider that could not produce the fault. The error names the key that asks too much, if one does.
	Needs interface {
		Needs(mockchannel.Traits) error
	}
	// Behaves is a payer's misbehaviour.
	Behaves interface {
		Behave(Planned, scenarios.System, history.Ref, *load.Payer)
	}
)

// Node is a process or container as a fault sees it.
type Node interface {
	Name() string
	// Kill ends the process with SIGKILL and returns when it is gone.
	Kill() error
	// Start starts a killed process again and returns when it is ready.
	Start(context.Context) error
	Pause() error
	Resume() error
	// Alive says whether the process exists, paused or not.
	Alive() bool
}

// LinkStriker puts toxics on links and takes them off again.
type LinkStriker interface {
	Strike(context.Context, link.Toxic) error
	// Heal takes the fault's toxic off and checks that it is off. It is safe to repeat.
	Heal(ctx context.Context, fault string) error
	// Affected is what the toxic has touched so far, also after Heal.
	Affected(fault string) (connections, chunks int64)
}

// Units: what a kind counts as affected.
const (
	unitAttempt      = "delivery attempt"
	unitNotification = "notification"
	unitMessage      = "message" // one that no change of the ledger caused
	unitRequest      = "request"
	unitSignature    = "signature"
	unitPayment      = "payment"
	unitRefund       = "refund"
	unitConnection   = "connection"
	unitNode         = "node"
	unitLock         = "lock"
	unitTransaction  = "transaction"
	unitEffect       = "effect"
	unitReading      = "reading"
	unitOrder        = "order"
)
