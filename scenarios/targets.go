package scenarios

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// Target is a host beyond this machine that a system leads to.
type Target struct{ Host, Reason string }

// Targets lists the hosts beyond this machine that the system leads to: the shop itself, the databases and pages of its
// probes, and every absolute URL that the shop is given. One that the file does not allow, with a reason, is an error.
func (s System) Targets(secrets Secrets) ([]Target, error) {
	c := &checker{source: s.source}
	targets := c.targets(s, secrets.Values())
	return targets, c.errs.asError()
}

// address is one string of a system file that leads somewhere.
type address struct {
	path  []any
	label string
	text  string
	hosts func(string) ([]string, error)
}

func (s System) addresses() []address {
	var all []address
	if external := s.Launch.External; external != nil {
		path := at("launch", "external")
		all = append(all, address{under(path, "url"), "url", external.URL, shopHost})
		all = append(all, dialled(under(path, "dials"), external.Dials)...)
	}
	if process := s.Launch.Process; process != nil {
		path := at("launch", "process")
		for index, word := range process.Command {
			all = append(all, address{under(path, "command", index), "command", word, hostsIn})
		}
		for _, name := range sortedKeys(process.Env) {
			all = append(all, address{under(path, "env", name), name, process.Env[name], hostsIn})
		}
		for _, name := range sortedKeys(process.Files) {
			all = append(all, address{under(path, "files", name), name, process.Files[name].Text, hostsIn})
		}
		all = append(all, dialled(under(path, "dials"), process.Dials)...)
	}
	if container := s.Launch.Container; container != nil {
		all = append(all, container.told()...)
	}
	for _, table := range sortedKeys(s.Probes) {
		probe, path := s.Probes[table], at("probes", table)
		all = append(all,
			address{under(path, "postgres"), table, probe.Postgres, postgresHosts},
			address{under(path, "mysql"), table, probe.MySQL, mysqlHosts},
			address{under(path, "http"), table, probe.HTTP, hostsIn})
	}
	return slices.DeleteFunc(all, func(a address) bool { return a.text == "" })
}

func dialled(path []any, dials map[string]string) []address {
	var all []address
	for _, peer := range sortedKeys(dials) {
		all = append(all, address{under(path, peer), peer, dials[peer], dialHost})
	}
	return all
}

// told are the strings that services are told. A service reaches the others of its network by their names.
func (c Container) told() []address {
	beyond := func(text string) ([]string, error) {
		hosts, err := hostsIn(text)
		return slices.DeleteFunc(hosts, func(host string) bool { _, ours := c.Services[host]; return ours }), err
	}
	var all []address
	for _, service := range sortedKeys(c.Services) {
		path, told := at("launch", "container", "services", service), c.Services[service]
		for index, word := range told.Command {
			all = append(all, address{under(path, "command", index), "command", word, beyond})
		}
		for _, name := range sortedKeys(told.Environment) {
			all = append(all, address{under(path, "environment", name), name, told.Environment[name], beyond})
		}
		for _, name := range sortedKeys(told.Files) {
			all = append(all, address{under(path, "files", name), name, told.Files[name].Text, beyond})
		}
	}
	return all
}

// targets holds each address against what the file allows. Of a template, what is not known yet leads nowhere yet.
func (c *checker) targets(s System, values Values) []Target {
	var targets []Target
	for _, address := range s.addresses() {
		text, err := outline(address.text, values)
		if err != nil || text == unknownValue {
			continue // a template that does not parse is reported where templates are
		}
		hosts, err := address.hosts(text)
		if err != nil {
			c.fail(address.path, "%s: %s", address.label, err)
			continue
		}
		for _, host := range hosts {
			if isLoopback(host) || strings.Contains(host, unknownValue) {
				continue
			}
			allowed := slices.IndexFunc(s.Allow, func(a Allow) bool { return a.Host == host && a.Reason != "" })
			if allowed < 0 {
				c.fail(address.path, "%s: %s is not this machine: want a loopback address, or an entry in allow with the host and a reason",
					address.label, host)
				continue
			}
			targets = append(targets, Target{Host: host, Reason: s.Allow[allowed].Reason})
		}
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Host, b.Host) })
	return slices.Compact(targets)
}

// unknownValue stands for what a template cannot know before a run. It could be a host, a port or a password.
const unknownValue = "58231"

// outline is a template's text with what is known already.
func outline(text string, values Values) (string, error) {
	parsed, err := ParseTemplate(text)
	if err != nil {
		return "", err
	}
	var known strings.Builder
	for _, part := range parsed.parts {
		value, err := part.value(values)
		if err != nil {
			value = unknownValue
		}
		known.WriteString(value)
	}
	return known.String(), nil
}

// isLoopback is true for this machine: its names, its addresses, and sockets that are files.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || (ip != nil && ip.IsLoopback())
}

// shopHost is the host of a shop that runs already.
func shopHost(text string) ([]string, error) {
	parsed, err := url.Parse(text)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		return nil, fmt.Errorf("%q is no address of a shop: want one such as http://127.0.0.1:8080", text)
	}
	if parsed.User != nil {
		return nil, errors.New("has a user in it, and would stand in every plan: want a header in the steps that need one")
	}
	return []string{parsed.Hostname()}, nil
}

// authority is the part of an absolute URL that says where it leads.
var authority = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://([^\s/?#"'<>\\]+)`)

// hostsIn are the hosts of all absolute URLs in a text.
func hostsIn(text string) ([]string, error) {
	var hosts []string
	for _, found := range authority.FindAllStringSubmatch(text, -1) {
		where := found[1][strings.LastIndex(found[1], "@")+1:]
		if host, _, err := net.SplitHostPort(where); err == nil {
			where = host
		}
		hosts = append(hosts, strings.Trim(where, "[]"))
	}
	return hosts, nil
}

// postgresHosts are the hosts that the driver would try, which it may have from PGHOST.
func postgresHosts(text string) ([]string, error) {
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, errors.New(`postgres is no address of a PostgreSQL database: want one such as postgres://user@127.0.0.1:5432/shop, or {{ env "SHOP_DSN" }}`)
	}
	hosts := []string{config.Host}
	for _, fallback := range config.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	return slices.Compact(hosts), nil
}

func mysqlHosts(text string) ([]string, error) {
	config, err := MySQLAddress(text)
	if err != nil {
		return nil, err
	}
	if config.Net == "unix" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(config.Addr)
	if err != nil {
		return nil, fmt.Errorf("%q is no host with a port: want one such as 127.0.0.1:3306", config.Addr)
	}
	return []string{host}, nil
}

// MySQLAddress reads the address of a MySQL or MariaDB database: the driver's own form, or a URL as many shops have it.
func MySQLAddress(text string) (*mysql.Config, error) {
	if parsed, err := url.Parse(text); err == nil && (parsed.Scheme == "mysql" || parsed.Scheme == "mariadb") {
		config := mysql.NewConfig()
		config.Net, config.Addr, config.DBName = "tcp", parsed.Host, strings.TrimPrefix(parsed.Path, "/")
		if parsed.Port() == "" {
			config.Addr = net.JoinHostPort(parsed.Hostname(), "3306")
		}
		config.User = parsed.User.Username()
		config.Passwd, _ = parsed.User.Password()
		return config, nil
	}
	config, err := mysql.ParseDSN(text)
	if err != nil {
		return nil, errors.New(`mysql is no address of a MySQL database: want one such as user@tcp(127.0.0.1:3306)/shop, or {{ env "SHOP_DSN" }}`)
	}
	return config, nil
}

// passwordIn is the password that the file gives in the address of a probe's database, or "".
func passwordIn(kind, text string) string {
	written, err := outline(text, nil)
	if err != nil {
		return ""
	}
	password := ""
	switch kind {
	case "postgres":
		// The driver also has passwords from its environment and from ~/.pgpass, which are none of the file's.
		if config, err := pgconn.ParseConfig(written); err == nil && strings.Contains(written, config.Password) {
			password = config.Password
		}
	case "mysql":
		if config, err := MySQLAddress(written); err == nil {
			password = config.Passwd
		}
	}
	if strings.Contains(password, unknownValue) {
		return ""
	}
	return password
}
