package mockchannel

import "net/http"

func (c *Channel) serveIndex(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }

// PayerHandler serves the payer's page and act.
func (c *Channel) PayerHandler() http.Handler { return http.NewServeMux() }
