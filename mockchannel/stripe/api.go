package stripe

import (
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

const (
	largestBody = 1 << 20
	longestKey  = 255 // of an Idempotency-Key: https://docs.stripe.com/api/idempotent_requests
	// defaultVersion is the API version of an account that no request has named one for: stripe-go v86's.
	defaultVersion = "2026-07-29.dahlia"
)

// Operations of a merchant that are none of the ledger's: no fault strikes them.
const (
	opConfirm  mockchannel.Operation = "confirm"
	opCapture  mockchannel.Operation = "capture"
	opUpdate   mockchannel.Operation = "update"
	opCustomer mockchannel.Operation = "customer"
	opMethod   mockchannel.Operation = "payment-method"
	opEndpoint mockchannel.Operation = "webhook-endpoint"
	opEvent    mockchannel.Operation = "event"
	opDispute  mockchannel.Operation = "dispute"
)

// decoder turns a request into what is asked of the channel. Its errors are *mockchannel.Error.
type decoder func(*request) (mockchannel.MerchantRequest, error)

// endpoints are what is covered of https://docs.stripe.com/api.
func endpoints() map[string]struct {
	operation mockchannel.Operation
	decode    decoder
} {
	type endpoint = struct {
		operation mockchannel.Operation
		decode    decoder
	}
	return map[string]endpoint{
		"POST /v1/payment_intents":              {mockchannel.OpCreate, createIntent},
		"GET /v1/payment_intents":               {mockchannel.OpQuery, listIntents},
		"GET /v1/payment_intents/search":        {mockchannel.OpQuery, searchIntents},
		"GET /v1/payment_intents/{id}":          {mockchannel.OpQuery, getIntent},
		"POST /v1/payment_intents/{id}":         {opUpdate, updateIntent},
		"POST /v1/payment_intents/{id}/confirm": {opConfirm, confirmIntent},
		"POST /v1/payment_intents/{id}/capture": {opCapture, captureIntent},
		"POST /v1/payment_intents/{id}/cancel":  {mockchannel.OpClose, cancelIntent},

		"GET /v1/charges":      {mockchannel.OpQuery, listCharges},
		"GET /v1/charges/{id}": {mockchannel.OpQuery, getCharge},

		"POST /v1/refunds":      {mockchannel.OpRefund, createRefund},
		"GET /v1/refunds":       {mockchannel.OpRefundQuery, listRefunds},
		"GET /v1/refunds/{id}":  {mockchannel.OpRefundQuery, getRefund},
		"POST /v1/refunds/{id}": {opUpdate, updateRefund},

		"GET /v1/disputes":      {opDispute, listDisputes},
		"GET /v1/disputes/{id}": {opDispute, getDispute},

		"POST /v1/checkout/sessions":                {mockchannel.OpCreate, createSession},
		"GET /v1/checkout/sessions":                 {mockchannel.OpQuery, listSessions},
		"GET /v1/checkout/sessions/{id}":            {mockchannel.OpQuery, getSession},
		"GET /v1/checkout/sessions/{id}/line_items": {mockchannel.OpQuery, getLines},
		"POST /v1/checkout/sessions/{id}/expire":    {mockchannel.OpClose, expireSession},

		"POST /v1/customers":                     {opCustomer, createCustomer},
		"GET /v1/customers":                      {opCustomer, listCustomers},
		"GET /v1/customers/{id}":                 {opCustomer, getCustomer},
		"POST /v1/customers/{id}":                {opCustomer, updateCustomer},
		"DELETE /v1/customers/{id}":              {opCustomer, deleteCustomer},
		"GET /v1/customers/{id}/payment_methods": {opMethod, listMethods},
		"POST /v1/payment_methods":               {opMethod, createMethod},
		"GET /v1/payment_methods":                {opMethod, listMethods},
		"GET /v1/payment_methods/{id}":           {opMethod, getMethod},
		"POST /v1/payment_methods/{id}/attach":   {opMethod, attachMethod},
		"POST /v1/payment_methods/{id}/detach":   {opMethod, detachMethod},

		"POST /v1/webhook_endpoints":                  {opEndpoint, createEndpoint},
		"GET /v1/webhook_endpoints":                   {opEndpoint, listEndpoints},
		"GET /v1/webhook_endpoints/{id}":              {opEndpoint, getEndpoint},
		"POST /v1/webhook_endpoints/{id}":             {opEndpoint, updateEndpoint},
		"DELETE /v1/webhook_endpoints/{id}":           {opEndpoint, deleteEndpoint},
		"POST /v1/webhook_endpoints/{id}/roll_secret": {opEndpoint, rollSecret},

		"GET /v1/events":      {opEvent, listEvents},
		"GET /v1/events/{id}": {opEvent, getEvent},

		"GET /v1/balance_transactions":       {mockchannel.OpBill, listBalance},
		"GET /v1/balance_transactions/{id}":  {mockchannel.OpBill, getBalance},
		"POST /v1/reporting/report_runs":     {mockchannel.OpBill, createReport},
		"GET /v1/reporting/report_runs/{id}": {mockchannel.OpBill, getReport},
		"GET /v1/files/{id}/contents":        {mockchannel.OpBill, getFile},
	}
}

// MerchantHandler serves /v1/.
func (dialect) MerchantHandler(channel *mockchannel.Channel) http.Handler {
	mux := http.NewServeMux()
	for pattern, endpoint := range endpoints() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, hr *http.Request) {
			serve(channel, w, hr, endpoint.operation, endpoint.decode)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, hr *http.Request) {
		serve(channel, w, hr, "", func(*request) (mockchannel.MerchantRequest, error) {
			return mockchannel.MerchantRequest{}, fail(mockchannel.CodeNotFound, problem{status: http.StatusNotFound}, "",
				"Unrecognized request URL ("+hr.Method+": "+hr.URL.Path+"). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.")
		})
	})
	return mux
}

// request is a merchant's request: who asks, for what, and how it is answered.
type request struct {
	reader
	http     *http.Request
	channel  *mockchannel.Channel
	merchant mockchannel.Merchant
	id       string // the object that the path names
	number   string // of the request, as Request-Id tells it
	key      string // Idempotency-Key
	version  string // Stripe-Version
	public   bool   // it came with a publishable key
}

// serve authenticates and decodes, and hands the rest to the channel.
func serve(channel *mockchannel.Channel, w http.ResponseWriter, hr *http.Request, operation mockchannel.Operation, decode decoder) {
	r := &request{
		http: hr, channel: channel, id: hr.PathValue("id"), version: defaultVersion,
		number: channel.Call(mockchannel.Merchant{}).Identifier(identifyRequest),
	}
	wanted, err := r.read(w, decode)
	if err != nil {
		var refusal *mockchannel.Error
		if !errors.As(err, &refusal) {
			refusal = invalid("", "", err.Error())
		}
		channel.Refuse(w, operation, r.refuse(refusal), refusal)
		return
	}
	wanted.Merchant, wanted.Operation, wanted.Refuse = r.merchant, operation, r.refuse
	if r.key != "" {
		wanted.IdempotencyKey, wanted.Fingerprint = r.key, r.fingerprint()
		wanted.KeepsErrors, wanted.Replayed = true, r.replayed
	}
	channel.Serve(w, hr, wanted)
}

func (r *request) read(w http.ResponseWriter, decode decoder) (mockchannel.MerchantRequest, error) {
	text := r.http.URL.RawQuery
	if r.http.Method == http.MethodPost {
		body, err := readBody(w, r.http)
		if err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return mockchannel.MerchantRequest{}, fail(mockchannel.CodeInvalidRequest,
					problem{status: http.StatusRequestEntityTooLarge}, "", "Request entity too large.")
			}
			return mockchannel.MerchantRequest{}, invalid("", "", "The request body cannot be read.")
		}
		if len(body) > 0 && text != "" {
			text += "&"
		}
		text += body
		r.key = r.http.Header.Get("Idempotency-Key")
	}
	form, err := parseForm(text)
	if isForm := formType(r.http.Header.Get("Content-Type")); r.http.Method == http.MethodPost && len(text) > 0 && !isForm {
		form, err = nil, invalid("", "", "Invalid request (check that your POST content type is application/x-www-form-urlencoded).")
	}
	r.form = form
	if err := r.authenticate(); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	if len(r.key) > longestKey {
		return mockchannel.MerchantRequest{}, invalid("", "", "Idempotency keys can be at most 255 characters long.")
	}
	if err := r.takeVersion(); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return decode(r)
}

// readBody reads all of a body, in one piece if it says that it is short.
func readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	buffer, _ := buffers.Get().(*[4096]byte)
	defer buffers.Put(buffer)
	if r.ContentLength < 0 || r.ContentLength > int64(len(buffer)) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
		return string(text), err
	}
	text := buffer[:r.ContentLength]
	_, err := io.ReadFull(r.Body, text)
	return string(text), err
}

func formType(header string) bool {
	if header == "application/x-www-form-urlencoded" {
		return true
	}
	kind, parameters, err := mime.ParseMediaType(header)
	charset := strings.ToLower(parameters["charset"])
	return err == nil && kind == "application/x-www-form-urlencoded" && (charset == "" || charset == "utf-8")
}

// authenticate takes the key from the Authorization header, as bearer or as the user of basic authentication, or, of
// clients that are browsers, from the parameters: https://docs.stripe.com/api/authentication.
func (r *request) authenticate() error {
	key, bearer := strings.CutPrefix(r.http.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		key, _, _ = r.http.BasicAuth()
	}
	if key == "" {
		key, _ = r.get("key")
	}
	r.form = slices.DeleteFunc(r.form, func(p parameter) bool { return p.name == "key" })
	if key == "" {
		return unauthorized("", "You did not provide an API key. You need to provide your API key in the Authorization header, "+
			"using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "+
			"details, or we can help at https://support.stripe.com/.")
	}
	var known bool
	if r.merchant, known = r.channel.Authenticate(key); known {
		return nil
	}
	for _, merchant := range r.channel.Merchants() {
		if merchant.Told[credentialPublishable] == key {
			r.merchant, r.public = merchant, true
			return r.publicMay()
		}
	}
	return unauthorized("", "Invalid API Key provided: "+masked(key))
}

// publicMay says whether a request may come with a publishable key: what a payer's browser does for itself.
func (r *request) publicMay() error {
	path, found := strings.CutPrefix(r.http.URL.Path, "/v1/payment_intents/")
	id, action, _ := strings.Cut(path, "/")
	if found && ((action == "" && r.http.Method == http.MethodGet) || action == "confirm") {
		secret, _ := r.get("client_secret")
		p, known := r.channel.Find(id)
		if !known || p.Merchant != r.merchant.ID || secret != id+secretInfix+intentOf(p).secret {
			return invalid("", "client_secret", "The client_secret provided does not match any associated PaymentIntent on this account. "+
				"Ensure the publishable key used belongs to the same account that created the PaymentIntent.")
		}
		return nil
	}
	if r.http.URL.Path == "/v1/payment_methods" && r.http.Method == http.MethodPost {
		return nil
	}
	return unauthorized("secret_key_required", "This API call cannot be made with a publishable API key. Please use a secret API "+
		"key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.")
}

func masked(key string) string {
	if len(key) <= 12 {
		return strings.Repeat("*", len(key))
	}
	return clip(key[:8]) + strings.Repeat("*", len(key)-12) + clip(key[len(key)-4:])
}

var versionForm = regexp.MustCompile(`^20\d\d-\d\d-\d\d(\.[a-z_]{1,40}(; [a-z_=0-9; ]{1,80})?)?$`)

// takeVersion takes the API version. The endpoints that name none of their own follow the last one that was seen.
func (r *request) takeVersion() error {
	version := r.http.Header.Get("Stripe-Version")
	if version == "" {
		return nil
	}
	if version != defaultVersion && !versionForm.MatchString(version) {
		return invalid("", "", "Invalid Stripe API version: "+clip(version))
	}
	r.version = version
	if !r.public {
		followVersion(r.channel.Call(r.merchant), version)
	}
	return nil
}

// check refuses a parameter that is not known, or the first that was wrong.
func (r *request) check(known ...string) error {
	if r.public {
		known = append(known, "client_secret")
	}
	if r.err != nil {
		return r.err
	}
	return r.known(known...)
}

// does is a request that names nothing that the ledger has.
func (r *request) does(do func(*mockchannel.Call) (mockchannel.Answer, error)) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{Do: do}, r.err
}

// fingerprint is equal for requests to the same endpoint with the same parameters, in whatever order.
func (r *request) fingerprint() string {
	sorted := append(make(form, 0, 16), r.form...) // of a usual request neither this nor the text outlives the call
	slices.SortStableFunc(sorted, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	text := make([]byte, 0, 512)
	for _, p := range sorted {
		text = append(text, p.name...)
		text = append(text, 0)
		text = append(text, p.value...)
		text = append(text, 0)
	}
	digest := sha256.Sum256(text)
	return r.http.URL.Path + "\x00" + string(digest[:16])
}

// answer is an object, with what was asked to be expanded in it.
func (r *request) answer(call *mockchannel.Call, object func(*writer)) mockchannel.Answer {
	w := writer{business: call.Business, call: call, expand: r.list("expand")}
	return mockchannel.Answer{Status: http.StatusOK, Header: r.header(), Body: written(w, object)}
}

func (r *request) refuse(refusal *mockchannel.Error) mockchannel.Answer {
	switch refusal.Code {
	case mockchannel.CodeIdempotencyMismatch:
		refusal.Message = mismatch(refusal.Earlier, r.http.URL.Path, r.key)
	case mockchannel.CodeIdempotencyInUse:
		refusal.Field = r.key
	default:
	}
	status, text := errorText(refusal, r.number)
	return mockchannel.Answer{Status: status, Header: r.header(), Body: text}
}

func (r *request) header() mockchannel.Fields {
	header := mockchannel.Fields{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "Request-Id", Value: r.number},
		{Name: "Stripe-Version", Value: r.version},
		{Name: "Idempotency-Key", Value: r.key},
		{Name: originalRequest, Value: r.number},
	}
	if r.key == "" {
		header = header[:3]
	}
	return header
}

const originalRequest = "Original-Request"

// replayed marks an answer that is given again: Original-Request stays what it was, and to repeat an error of Stripe's
// own would bring the same again (https://docs.stripe.com/error-low-level#stripe-should-retry).
func (r *request) replayed(answer *mockchannel.Answer) {
	answer.Header.Set("Request-Id", r.number)
	if answer.Status >= http.StatusInternalServerError {
		answer.Header.Set("Stripe-Should-Retry", "false")
	}
}
