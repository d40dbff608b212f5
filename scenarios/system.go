package scenarios

import "github.com/paystorm/paystorm/money"

// System is a system file: everything the harness needs to know about a shop.
type System struct {
	Name    string            `yaml:"name" json:"name" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$"`
	Version string            `yaml:"version" json:"version,omitempty"`
	Launch  Launch            `yaml:"launch" json:"launch" jsonschema:"required"`
	Ready   Ready             `yaml:"ready" json:"ready" jsonschema:"required"`
	Channel ChannelUse        `yaml:"channel" json:"channel" jsonschema:"required"`
	Links   map[string]string `yaml:"links" json:"links,omitempty"` // link → the loopback address that it must have, for a shop that cannot be told one
	Timers  Timers            `yaml:"timers" json:"timers"`
	Legal   Legal             `yaml:"legal" json:"legal"`
	Prices  string            `yaml:"prices" json:"prices,omitempty" jsonschema:"enum=exact,enum=own"` // exact: the sale's, to the cent; own: the shop's, and not judged; default: the sale's, and what an order costs beyond is listed
	Fees    *Fees             `yaml:"fees" json:"fees,omitempty"`                                      // what an order may cost beside its price
	Ledger  *Ledger           `yaml:"ledger" json:"ledger,omitempty"`                                  // of the shop's own double entry
	Grants  []string          `yaml:"grants" json:"grants,omitempty"`                                  // side effects that every paid order has exactly once
	Sinks   map[string]Sink   `yaml:"sinks" json:"sinks,omitempty"`
	// Once, when the shop is ready and before the sale is set up: how a shop that keeps its gateway in its database is told
	// of the channel. Its templates may name what a process's may; everything after it, what it captured.
	Configure []Step `yaml:"configure" json:"configure,omitempty"`
	Setup     []Step `yaml:"setup" json:"setup,omitempty"` // once per item on sale, with {{ sku }}, {{ stock }}, {{ price }}; journeys may name what it captured of their item
	// Once per coupon of the sale, after the items are on sale, with {{ coupon }}, {{ coupon_minor }}, {{ coupon_uses }}.
	SetupCoupons []Step              `yaml:"setup-coupons" json:"setup_coupons,omitempty"`
	Jobs         []Job               `yaml:"jobs" json:"jobs,omitempty"`         // run in settle and once more before the books are read
	Journeys     map[string][]Step   `yaml:"journeys" json:"journeys"`           // the first is the default; or else script
	Script       string              `yaml:"script" json:"script,omitempty"`     // a k6 script that is the journeys, relative to this file: see docs/k6.md
	Patience     Duration            `yaml:"patience" json:"patience,omitempty"` // how long a buyer of the script takes at most; default 30s
	Cookies      bool                `yaml:"cookies" json:"cookies,omitempty"`   // each buyer keeps the shop's cookies, as a browser does
	Acts         map[string]Step     `yaml:"acts" json:"acts,omitempty"`         // what payer faults need: cancel, refund, payment (another one)
	States       map[string]string   `yaml:"states" json:"states,omitempty"`     // the shop's order state → the canonical one, for answers and probes
	Probes       map[string]Probe    `yaml:"probes" json:"probes,omitempty"`     // canonical table → how to read it
	Laws         []Law               `yaml:"laws" json:"laws,omitempty"`         // the team's own, judged like the invariants: see docs/laws.md
	Allow        []Allow             `yaml:"allow" json:"allow,omitempty"`
	GraphQL      map[string]Endpoint `yaml:"graphql" json:"graphql,omitempty"` // path of an endpoint → where its schema is to be had

	ScriptDigest string `yaml:"-" json:"script_digest,omitempty"` // SHA-256 of the script's text

	source *source
}

// Launch is how the shop comes to run: exactly one of its fields is set.
type Launch struct {
	Process   *Process   `yaml:"process" json:"process,omitempty"`
	External  *External  `yaml:"external" json:"external,omitempty"`
	Container *Container `yaml:"container" json:"container,omitempty"`
}

// Process starts the shop as a child process. Strings are templates with link, tcp, channel, sink, port and dir.
type Process struct {
	Command []string          `yaml:"command" json:"command" jsonschema:"required"` // "paystorm" is this binary
	Env     map[string]string `yaml:"env" json:"env,omitempty"`
	Files   map[string]File   `yaml:"files" json:"files,omitempty"` // path in the working directory → what is written there before the start, and removed after the end
	Dials   map[string]string `yaml:"dials" json:"dials,omitempty"` // peer, such as db → its address, such as 127.0.0.1:5432: each is a link, such as shop->db, told as {{ tcp "shop->db" }}
	Dir     string            `yaml:"dir" json:"dir,omitempty"`     // working directory; default: a fresh one in the run directory
	Stop    Duration          `yaml:"stop" json:"stop,omitempty"`   // how long a SIGTERM may take before SIGKILL; default 5s
}

// File is a configuration file of the shop. Exactly one of its fields is set in a system file.
type File struct {
	Text     string `yaml:"text" json:"text,omitempty"`         // a template
	Template string `yaml:"template" json:"template,omitempty"` // a file that holds the template, relative to the system file
}

// External is a shop that runs already.
type External struct {
	URL   string            `yaml:"url" json:"url" jsonschema:"required"` // loopback, unless allow names its host; never with a password
	Dials map[string]string `yaml:"dials" json:"dials,omitempty"`         // as a process has them; links gives each the address that the shop knows
}

// Ready is when the shop counts as up.
type Ready struct {
	HTTP   string   `yaml:"http" json:"http" jsonschema:"required,pattern=^/"` // path that answers 2xx
	Within Duration `yaml:"within" json:"within" jsonschema:"required"`
}

// ChannelUse says how the shop speaks to the channel.
type ChannelUse struct {
	Dialect   string     `yaml:"dialect" json:"dialect" jsonschema:"required"`
	Callbacks string     `yaml:"callbacks" json:"callbacks" jsonschema:"required,pattern=^/"` // path at the shop, told to it as {{ channel.notify }}
	Retry     []Duration `yaml:"retry" json:"retry,omitempty"`                                // schedule after the first attempt; default: the dialect's, in business time
	Events    []string   `yaml:"events" json:"events,omitempty"`                              // messages that the shop has subscribed to, where the provider names them; default: all
	Version   string     `yaml:"version" json:"version,omitempty"`                            // of the provider's API in which the shop wants its messages, where it has versions
	Timeout   Duration   `yaml:"timeout" json:"timeout,omitempty"`                            // of one delivery attempt
	// What the shop has been given already, by the dialect's own names and merchant; the rest is made for the run. Templates
	// with env and file.
	Credentials map[string]string `yaml:"credentials" json:"credentials,omitempty"`
}

// Timers are the shop's own.
type Timers struct {
	Expiry    Duration `yaml:"expiry" json:"expiry,omitempty"`
	Query     Duration `yaml:"query" json:"query,omitempty"`
	Refund    Duration `yaml:"refund" json:"refund,omitempty"`
	Reconcile Duration `yaml:"reconcile" json:"reconcile,omitempty"`
	Apply     Duration `yaml:"apply" json:"apply,omitempty"`
}

// Legal is what the shop declares as intended.
type Legal struct {
	RestockRefunds  bool `yaml:"restock-refunds" json:"restock_refunds,omitempty"`
	StaleReads      bool `yaml:"stale-reads" json:"stale_reads,omitempty"`
	FetchOnPing     bool `yaml:"fetch-on-ping" json:"fetch_on_ping,omitempty"`
	RecountRefunded bool `yaml:"recount-refunded" json:"recount_refunded,omitempty"`
}

// Fees are what an order may cost beside its price: shipping, tax. A shop whose orders probe has a column fee needs none.
type Fees struct {
	AtMost money.Amount `yaml:"at-most" json:"at_most" jsonschema:"required"` // for each order
}

// Ledger says how the shop's double entry is to be read.
type Ledger struct {
	Channel []string `yaml:"channel,one-or-list" json:"channel" jsonschema:"required"` // the accounts that stand for the money at the channel
}

// Sink is a recording endpoint for effects outside the shop, told to it as {{ sink "name" }}. It takes POSTed JSON.
type Sink struct {
	Key   string `yaml:"key" json:"key" jsonschema:"required"`                  // path of the effect's own key in the body
	Order string `yaml:"order" json:"order" jsonschema:"required"`              // path of the order number in the body
	Per   string `yaml:"per" json:"per,omitempty" jsonschema:"enum=paid-order"` // who owes it one effect; default: nobody
}

// Job is one of the shop's own jobs, and runs by what either Post or GraphQL asks. Its strings are templates with env,
// file and what configure captured.
type Job struct {
	Name    string            `yaml:"name" json:"name" jsonschema:"required"`
	Post    string            `yaml:"post" json:"post,omitempty" jsonschema:"pattern=^/"`
	GraphQL *GraphQL          `yaml:"graphql" json:"graphql,omitempty"` // an answer with errors is a failure
	Header  map[string]string `yaml:"header" json:"header,omitempty"`
}

// Step is one act of a journey. Strings in it are templates: {{ sku }}, {{ quantity }}, {{ buyer }}, {{ ref }} and
// whatever earlier steps captured; an order of two items has {{ sku_2 }}, {{ quantity_2 }} and so on, and a refund
// {{ refund_minor }} and {{ wish }}. In a file it is a map with one key, its name. It makes a request and says which answers are ok, or pays at the channel, whose answers the
// harness knows, or ends the journey.
type Step struct {
	Name    string            `yaml:"-" json:"name"` // order, pay, poll, look, cancel, refund, or one's own
	Get     string            `yaml:"get" json:"get,omitempty" jsonschema:"pattern=^/"`
	Post    string            `yaml:"post" json:"post,omitempty" jsonschema:"pattern=^/"`
	Put     string            `yaml:"put" json:"put,omitempty" jsonschema:"pattern=^/"`
	Delete  string            `yaml:"delete" json:"delete,omitempty" jsonschema:"pattern=^/"`
	Header  map[string]string `yaml:"header" json:"header,omitempty"`
	JSON    any               `yaml:"json" json:"json,omitempty"`                   // body; strings in it are templates, "{{ quantity | number }}" a number
	GraphQL *GraphQL          `yaml:"graphql" json:"graphql,omitempty"`             // a request too, and its own body
	Payment string            `yaml:"payment" json:"payment,omitempty"`             // of a pay step: the channel's payment id
	Capture map[string]string `yaml:"capture" json:"capture,omitempty"`             // name → path in the answer's JSON, or "header Location", or "cookie sid"
	OK      Match             `yaml:"ok" json:"ok"`                                 // of a request, and then never missing: nothing is ok by default
	Refused []Match           `yaml:"refused,one-or-list" json:"refused,omitempty"` // written as one map or a list of them
	State   string            `yaml:"state" json:"state,omitempty"`                 // path of the order's state in the answer
	Until   []string          `yaml:"until,one-or-list" json:"until,omitempty"`     // of a poll: canonical states that end it; one or a list
	Every   Duration          `yaml:"every" json:"every,omitempty"`
	Within  Duration          `yaml:"within" json:"within,omitempty"` // of a poll: patience; of a request: its timeout
	Amount  Part              `yaml:"amount" json:"amount,omitzero"`  // of a refund: full, which is the default, or a share of the order's price such as 40%; the request names it as {{ refund_minor }}
	Think   Span              `yaml:"think" json:"think,omitzero"`    // pause before the step, or a range that buyers differ in
	Fresh   bool              `yaml:"fresh" json:"fresh,omitempty"`   // the buyer begins anew: cookies and captured values are forgotten
	Retry   *Retry            `yaml:"retry" json:"retry,omitempty"`
	On      map[string][]Step `yaml:"on" json:"on,omitempty"`   // refused, a refusal's reason, unknown, patience, or the state that an ok answer told → what comes next, and then the step after this one
	End     string            `yaml:"end" json:"end,omitempty"` // ends the journey, under this name
}

// Retry takes a step again that ended in a way that the buyer does not accept. Each time is an operation of its own.
type Retry struct {
	On    []string `yaml:"on,one-or-list" json:"on" jsonschema:"required"` // refused, a refusal's reason, or unknown
	Times int      `yaml:"times" json:"times" jsonschema:"required,minimum=1"`
	Every Span     `yaml:"every" json:"every" jsonschema:"required"` // before each
}

// Endpoint says where the schema of a GraphQL endpoint is to be had: exactly one of its fields is set. Every operation is
// held against it before anything else is sent.
type Endpoint struct {
	Schema     string `yaml:"schema" json:"schema,omitempty"`         // in the schema definition language, relative to this file
	Introspect bool   `yaml:"introspect" json:"introspect,omitempty"` // the shop is asked for it when it is ready
}

// GraphQL is a request to a GraphQL endpoint, POSTed as application/json. An answer with errors in it is never ok,
// whatever its status.
type GraphQL struct {
	Path      string         `yaml:"path" json:"path" jsonschema:"required,pattern=^/"` // a template
	Query     string         `yaml:"query" json:"query" jsonschema:"required"`          // a document with one query or mutation; no template
	Variables map[string]any `yaml:"variables" json:"variables,omitempty"`              // all that the operation declares; templates as in json
}

// Match classifies an answer: all that it says must be so. What matches neither ok nor refused is unknown.
type Match struct {
	Status []int             `yaml:"status,one-or-list" json:"status,omitempty"` // never missing; written as one number or a list
	Where  map[string]OneOf  `yaml:"where" json:"where,omitempty"`               // path in the answer's JSON → what stands there, such as data.order.__typename: Order
	Errors bool              `yaml:"errors" json:"errors,omitempty"`             // of a GraphQL refusal: the answer has errors, and no data beside them; without this or code, one that has is unknown
	Code   OneOf             `yaml:"code" json:"code,omitempty"`                 // of a GraphQL refusal: the extensions.code of every error
	Reason string            `yaml:"reason" json:"reason,omitempty"`             // of a refusal: path in the answer's JSON; default with code: the code
	Map    map[string]string `yaml:"map" json:"map,omitempty"`                   // the shop's reason → sold_out or limit
}

// OneOf is what a value may be: one scalar or a list of them, as JSON writes them.
type OneOf []string

// Probe reads one canonical table: by SQL, or from what the shop itself answers. Exactly one of Postgres, MySQL, SQLite,
// HTTP and GraphQL is set. Addresses and headers are templates with env, file and what configure captured.
type Probe struct {
	Postgres string            `yaml:"postgres" json:"postgres,omitempty"` // address of the database, such as {{ env "SHOP_DSN" }}
	MySQL    string            `yaml:"mysql" json:"mysql,omitempty"`       // likewise, of MySQL or MariaDB: user:password@tcp(host:port)/name
	SQLite   string            `yaml:"sqlite" json:"sqlite,omitempty"`     // file, relative to the process's directory
	Query    string            `yaml:"query" json:"query,omitempty"`       // SQL; its columns are named as the table's JSON fields
	HTTP     string            `yaml:"http" json:"http,omitempty"`         // path at the shop, answering JSON; {{ page }}, {{ offset }} or {{ cursor }} where it has pages
	GraphQL  *GraphQL          `yaml:"graphql" json:"graphql,omitempty"`   // likewise
	Header   map[string]string `yaml:"header" json:"header,omitempty"`     // of HTTP and GraphQL
	Rows     string            `yaml:"rows" json:"rows,omitempty"`         // path of the array of rows in the answer
	Pages    Pages             `yaml:"pages" json:"pages,omitzero"`
	Fields   map[string]string `yaml:"fields" json:"fields,omitempty"` // canonical field → path in a row; default: its own name
	States   map[string]string `yaml:"states" json:"states,omitempty"` // of this table, where it differs from the system's; of payments to captured, refunded or closed, which are compared with the channel's, or to pending or failed
}

// Pages says how the pages of a probe are turned. By {{ page }} and {{ offset }} they end with one that has no rows; by
// {{ cursor }}, or by the address of the next page, with an answer that has none.
type Pages struct {
	First *int   `yaml:"first" json:"first,omitempty" jsonschema:"minimum=0"` // number of the first page; default 1
	Next  string `yaml:"next" json:"next,omitempty"`                          // path in the answer of the next cursor, or of the next page's address
	More  string `yaml:"more" json:"more,omitempty"`                          // path in the answer of whether there is another page
	Most  int    `yaml:"most" json:"most,omitempty" jsonschema:"minimum=1"`   // pages; more are an error; default 1000
}

// Allow permits a target that is not this machine.
type Allow struct {
	Host   string `yaml:"host" json:"host" jsonschema:"required"`
	Reason string `yaml:"reason" json:"reason" jsonschema:"required"`
}
