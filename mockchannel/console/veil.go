package console

import (
	"html/template"
	"net/url"
	"strings"
	"unicode"

	"github.com/paystorm/paystorm/mockchannel"
)

// veil hides merchants' secrets in a page, wherever and however a shop has written them.
type veil struct{ replacer *strings.Replacer }

// shortestSecret: what is shorter is a name, such as a merchant's number, and not worth hiding.
const shortestSecret = 16

func newVeil(merchants []mockchannel.Merchant) veil {
	var pairs []string
	hide := func(secret string) {
		for _, written := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "/", `\/`),
		} {
			pairs = append(pairs, written, beginning(written), inPage(written), inPage(beginning(written)))
		}
	}
	for _, merchant := range merchants {
		secrets := []string{merchant.APIKey, merchant.NotifySecret}
		for _, told := range merchant.Told {
			secrets = append(secrets, told)
		}
		for _, secret := range secrets {
			if isSecret(secret) {
				hide(secret)
			}
		}
	}
	return veil{strings.NewReplacer(pairs...)}
}

// isSecret tells keys from merchants' numbers and from what is public anyway.
func isSecret(value string) bool {
	number := strings.IndexFunc(value, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
	public := strings.Contains(value, "PUBLIC KEY") || strings.Contains(value, "CERTIFICATE") || strings.Contains(value, "://")
	return len(value) >= shortestSecret && !number && !public
}

var text = template.Must(template.New("text").Parse("{{.}}"))

// inPage is how a page's template writes a text. It escapes more than HTMLEscapeString does: a "+", of which base64 is full.
func inPage(written string) string {
	var page strings.Builder
	_ = text.Execute(&page, written) // neither a string nor a Builder can fail
	return page.String()
}

// beginning is as much of a secret as tells one from another.
func beginning(secret string) string {
	const shown = 7
	return secret[:min(shown, len(secret)/3)] + "…"
}

func (v veil) over(page string) string { return v.replacer.Replace(page) }

// veiledHeader hides whatever authorizes, whoever's it is.
func veiledHeader(name, value string) string {
	if scheme, credentials, found := strings.Cut(value, " "); found && name == "Authorization" &&
		(strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic")) {
		return scheme + " " + beginning(credentials)
	}
	return value
}
