package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/telemetry"
)

// flags declares flags that the environment can set, too: a flag on the command line beats its variable.
type flags struct {
	*flag.FlagSet
	getenv func(string) string
	bad    []error
	secret map[string]bool

	section  string            // of the flags that are declared now; "" for none
	sections []string          // in the order of --help
	within   map[string]string // the sections of flags
}

// begin begins a section of --help.
func (f *flags) begin(section string) {
	f.section = section
	f.sections = append(f.sections, section)
}

// add declares a flag, and sets it from the environment variable, if there is one and it is set.
func (f *flags) add(name, variable string) {
	if f.section != "" {
		if f.within == nil {
			f.within = map[string]string{}
		}
		f.within[name] = f.section
	}
	if variable == "" {
		return
	}
	fl := f.Lookup(name)
	fl.Usage += "; environment: " + variable
	if v := f.getenv(variable); v != "" {
		if err := f.Set(name, v); err != nil {
			f.bad = append(f.bad, fmt.Errorf("environment variable %s: %w", variable, err))
		}
	}
}

// describe writes what --help says of the flags, section by section.
func (f *flags) describe(w io.Writer) {
	for _, section := range append([]string{""}, f.sections...) {
		if section != "" {
			fmt.Fprintf(w, "\n%s:\n\n", section)
		}
		f.VisitAll(func(fl *flag.Flag) {
			if f.within[fl.Name] != section {
				return
			}
			kind, text := flag.UnquoteUsage(fl)
			fmt.Fprintf(w, "  --%s %s\n        %s", fl.Name, kind, text)
			if v := fl.DefValue; v != "" && v != "0" && v != "false" && !f.secret[fl.Name] {
				fmt.Fprintf(w, " (default %s)", v)
			}
			fmt.Fprintln(w)
		})
	}
}

func (f *flags) text(p *string, name, variable, value, usage string) {
	f.StringVar(p, name, value, usage)
	f.add(name, variable)
}

func (f *flags) count(p *int, name, variable string, value int, usage string) {
	f.IntVar(p, name, value, usage)
	f.add(name, variable)
}

// atLeast is count for a number that must not be less than another.
func (f *flags) atLeast(least int, p *int, name, variable string, value int, usage string) {
	*p = value
	f.Var(&boundedValue{p, least}, name, usage)
	f.add(name, variable)
}

func (f *flags) is(p *bool, name, variable, usage string) {
	f.BoolVar(p, name, false, usage)
	f.add(name, variable)
}

func (f *flags) time(p *time.Duration, name, variable string, value time.Duration, usage string) {
	f.DurationVar(p, name, value, usage)
	f.add(name, variable)
}

func (f *flags) list(p *[]string, name, variable, value, usage string) {
	*p = splitList(value)
	f.Var((*listValue)(p), name, usage)
	f.Lookup(name).DefValue = value
	f.add(name, variable)
}

// given reports whether a flag was set, on the command line or by the environment.
func (f *flags) given(name string) bool {
	set := false
	f.Visit(func(fl *flag.Flag) { set = set || fl.Name == name })
	return set
}

// parse reads flags and arguments in any order, and returns the arguments.
func (f *flags) parse(args []string) (positional []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			if !errors.Is(err, flag.ErrHelp) {
				err = fmt.Errorf("%w; see viewgate %s --help", err, f.Name())
			}
			return nil, err
		}
		if f.NArg() == 0 {
			return positional, errors.Join(f.bad...)
		}
		positional, args = append(positional, f.Arg(0)), f.Args()[1:]
	}
}

// boundedValue is a flag whose value is a number that has a least value.
type boundedValue struct {
	value *int
	least int
}

func (b *boundedValue) String() string {
	if b.value == nil {
		return ""
	}
	return strconv.Itoa(*b.value)
}

func (b *boundedValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < b.least {
		return fmt.Errorf("a whole number from %d is needed", b.least)
	}
	*b.value = n
	return nil
}

// listValue is a flag whose value is a list with commas.
type listValue []string

func (l *listValue) String() string { return strings.Join(*l, ",") }

func (l *listValue) Set(s string) error {
	*l = splitList(s)
	return nil
}

func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// secretText declares a flag for a secret, which a file can hold, too: the environment names it in variable_FILE.
func (f *flags) secretText(p *string, name, variable, usage string) {
	f.StringVar(p, name, "", usage)
	*p = f.addSecret(name, variable)
}

// secretLines declares a flag for secrets that can be given several times; the environment, or its file, has them in lines.
func (f *flags) secretLines(p *[]string, name, variable, usage string) {
	given := false
	f.Func(name, usage, func(line string) error {
		if !given {
			*p, given = nil, true // the command line beats the environment
		}
		*p = append(*p, line)
		return nil // never an error: it would be shown with the secret
	})
	newline := func(r rune) bool { return r == '\n' || r == '\r' }
	*p = strings.FieldsFunc(f.addSecret(name, variable), newline)
}

// addSecret makes a flag secret, and returns what the environment has for it.
func (f *flags) addSecret(name, variable string) string {
	f.Lookup(name).Usage += "; environment: " + variable + ", or " + variable + "_FILE for a file that holds it"
	if f.secret == nil {
		f.secret = map[string]bool{}
	}
	f.secret[name] = true
	value, file := f.getenv(variable), f.getenv(variable+"_FILE")
	switch {
	case value != "" && file != "":
		f.bad = append(f.bad, fmt.Errorf("environment variables %s and %[1]s_FILE are both set", variable))
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			f.bad = append(f.bad, fmt.Errorf("environment variable %s_FILE: %w", variable, err))
		}
		value = strings.TrimRight(string(text), "\r\n")
	}
	return value
}

// auditFlags declares what is recorded, and where.
func auditFlags(f *flags, s *auditSettings) {
	f.text(&s.to, "audit-log", "AUDIT_LOG", "",
		"`FILE` to record in who asked for what, a line of JSON for each operation, or stdout; without, nothing is recorded. What "+
			"cannot be recorded is not answered")
	f.text(&s.subject, "audit-subject", "AUDIT_SUBJECT", auditHash,
		"`HOW` it says who asked: hash, of the subject with --token-key, or plain, as tokens say it")
}

// authFlags declares how serve finds out who asks.
func authFlags(f *flags, s *authSettings) {
	f.text(&s.mode, "auth", "AUTH", authNone,
		"`HOW` it is found out who asks: jwt, by access tokens (doc/security.md), or none: everybody sees everything")
	f.text(&s.keys, "jwks", "JWKS", "", "`FILE-OR-URL` of the JSON Web Key Set that tokens are signed with")
	f.text(&s.issuer, "jwt-issuer", "JWT_ISSUER", "", "`ISSUER` whose tokens are taken: their iss, letter by letter")
	f.list(&s.audiences, "jwt-audience", "JWT_AUDIENCE", "",
		"`NAMES` of which a token must have one as its aud, with commas between them")
	f.list(&s.algorithms, "jwt-algorithms", "JWT_ALGORITHMS", "RS256,ES256",
		"`NAMES` of the algorithms that tokens may be signed by: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA")
	f.DurationVar(&s.leeway, "jwt-leeway", 30*time.Second, "how much `TIME` the issuer's clock may be wrong by")
	f.add("jwt-leeway", "JWT_LEEWAY")
	f.text(&s.roleClaim, "jwt-role-claim", "JWT_ROLE_CLAIM", "",
		"`CLAIM` that has the roles, or the path to it with dots; without, who has a --jwt-restaurant-claim is a restaurant's staff, "+
			"and others are consumers")
	f.list(&s.roleMap, "jwt-role-map", "JWT_ROLE_MAP", "",
		"what values of that claim mean, the first that a token has counts: `VALUE=ROLE` with commas between them, where the roles "+
			"are support, restaurant and consumer; without, values that are called so")
	f.text(&s.consumerClaim, "jwt-consumer-claim", "JWT_CONSUMER_CLAIM", defaultConsumerClaim, "`CLAIM` that has a consumer's id, or the path to it")
	f.text(&s.restaurantClaim, "jwt-restaurant-claim", "JWT_RESTAURANT_CLAIM", defaultRestaurantClaim,
		"`CLAIM` that has the id of the restaurant whose staff it is, or the path to it")
	f.BoolVar(&s.anonymous, "allow-anonymous", false, "answer requests without a token, with what is public")
	f.add("allow-anonymous", "ALLOW_ANONYMOUS")
}

func exportFlags(f *flags) func(context.Context, console, []string) error {
	var s exportSettings
	elasticFlags(f, &s.elastic)
	f.text(&s.data, "data", "DATA_DIR", "", "`DIR` that serve keeps everything in")
	f.StringVar(&s.as, "as", "", "export what this `VIEWER` sees: consumer:ID or restaurant:ID; without, everything")
	f.StringVar(&s.query, "query", "", "`TEXT` of a search; without, everything is exported")
	f.BoolVar(&s.strict, "strict", false, "write nothing if --query is not understood as it stands")
	f.list(&s.order, "order", "", "",
		"`FIELDS` to order by, with commas between them, each with :asc or :desc behind it (:asc without); ties, and what has no "+
			"order, are by id")
	f.IntVar(&s.limit, "limit", 0, "`NUMBER` of documents to write, the first in the order; 0: all")
	f.StringVar(&s.format, "format", formatLines, "`FORMAT`: jsonl or csv")
	f.list(&s.fields, "fields", "", "", "`FIELDS` that are csv's columns, with commas between them; without, all that can be searched")
	f.StringVar(&s.output, "output", "", "`FILE` to write to; without, standard output")
	f.BoolVar(&s.force, "force", false, "replace --output if it is there")
	return func(ctx context.Context, c console, args []string) error { return exportView(ctx, c, s, args[0]) }
}

// protectionFlags declares what protects a gateway from its clients. doc/limits.md has them in a table, which a test compares.
func protectionFlags(f *flags, p *protection) {
	l := &p.limits
	f.begin("What an operation may be; what is beyond is refused before it runs")
	f.atLeast(1, &l.Body, "max-body", "MAX_BODY", 100<<10, "`BYTES` of a request's body, or of a query string")
	f.atLeast(1, &l.Nesting, "max-nesting", "MAX_NESTING", 50, "`LEVELS` of lists and objects within each other, in variables and in values")
	f.atLeast(1, &l.Tokens, "max-tokens", "MAX_TOKENS", 2000, "`NUMBER` of tokens of a query's text: names, signs, values")
	f.atLeast(1, &l.RootFields, "max-root-fields", "MAX_ROOT_FIELDS", 20, "`NUMBER` of fields of Query in an operation")
	f.atLeast(1, &l.Depth, "max-depth", "MAX_DEPTH", 15, "`LEVELS` of fields within fields; those of introspection have a limit of their own")
	f.atLeast(1, &l.Fields, "max-fields", "MAX_FIELDS", 2000, "`NUMBER` of fields, those of fragments counted wherever they are used")
	f.atLeast(1, &l.Aliases, "max-aliases", "MAX_ALIASES", 30, "`NUMBER` of fields with an alias, likewise")
	f.atLeast(1, &l.Directives, "max-directives", "MAX_DIRECTIVES", 50, "`NUMBER` of directives in a query's text")
	f.atLeast(1, &l.Cost, "max-cost", "MAX_COST", 10_000,
		"`COST` of an operation, before it runs and with every list as long as it may be: an object is 1, a search 100; a client that "+
			`sends "extensions": {"cost": true} is told it`)
	f.is(&l.ReportCost, "cost-report", "COST_REPORT", "answer what costs more than --max-cost all the same, and log it: to find out what that should be")
	f.atLeast(1, &l.Errors, "max-errors", "MAX_ERRORS", 20, "`NUMBER` of errors in an answer; extensions.errorsOmitted counts the others")
	f.time(&l.Timeout, "operation-timeout", "OPERATION_TIMEOUT", 10*time.Second,
		"`TIME` after which an operation is given up, and what it asks of Elasticsearch and of the owners")
	f.time(&l.Search, "search-timeout", "SEARCH_TIMEOUT", 5*time.Second, "`TIME` after which a search answers with what it has found until then")

	f.begin("What there may be at a time. What is beyond is refused with OVERLOADED, status 503, and Retry-After")
	f.atLeast(0, &p.operations, "max-operations", "MAX_OPERATIONS", 0, fmt.Sprintf("`NUMBER` of operations under way; 0: %d for each core", operationsPerCore))
	f.atLeast(0, &p.queue, "max-waiting", "MAX_WAITING", 0, "`NUMBER` of operations that wait for others to end; 0: as many as --max-operations")
	f.time(&p.wait, "max-wait", "MAX_WAIT", 500*time.Millisecond, "`TIME` that they wait at most")
	f.atLeast(0, &p.connections, "max-connections", "MAX_CONNECTIONS", 10_000, "`NUMBER` of WebSockets and streams of events; 0: no limit. A quarter of them "+
		"at most have not yet been introduced by connection_init")
	f.atLeast(0, &p.perClient, "max-connections-per-client", "MAX_CONNECTIONS_PER_CLIENT", 100,
		"`NUMBER` of them from one address; 0: no limit; beyond, RATE_LIMITED, status 429. Behind proxies set --trusted-proxies, too")
	f.atLeast(1, &l.Operations, "max-connection-operations", "MAX_CONNECTION_OPERATIONS", 100,
		"`NUMBER` of operations under way on one WebSocket, subscriptions among them; beyond, RATE_LIMITED")

	f.begin("What each client may cost in a time. What is beyond is refused with RATE_LIMITED, status 429, and Retry-After")
	f.Float64Var(&p.rate, "rate-limit", 0, fmt.Sprintf(
		"`COST` in a second of each client: who has the same token's subject, else the same address. 0: no limit, unless --production, "+
			"where it is %d if not given", productionRate))
	f.add("rate-limit", "RATE_LIMIT")
	f.atLeast(1, &p.burst, "rate-burst", "RATE_BURST", 20_000, "`COST` that a client may have at once, when it has not asked for long")
	f.list(&p.proxies, "trusted-proxies", "TRUSTED_PROXIES", "",
		"`NETWORKS` of proxies whose X-Forwarded-For and traceparent are believed, with commas between them: 10.0.0.0/8,192.0.2.1")

	f.begin("Which documents are answered. They are validated at the start; clients send one of them, its id or its hash")
	f.text(&p.documents, "persisted-documents", "PERSISTED_DOCUMENTS", "", "`PATH` of the documents that clients are known to send: a "+
		"directory of .graphql files, a manifest of Apollo's tools, or a JSON object of texts by id")
	f.is(&p.persistedOnly, "persisted-only", "PERSISTED_ONLY", "answer nothing else; beyond, QUERY_NOT_IN_SAFELIST")
	f.is(&p.persistedReport, "persisted-report", "PERSISTED_REPORT", "answer everything else, and log the hash of each document: to find "+
		"out what --persisted-only would refuse")

	f.begin("Browsers and production")
	f.list(&p.origins, "cors-origins", "CORS_ORIGINS", "",
		"`ORIGINS` whose pages may ask and open WebSockets, with commas between them: https://app.example.com, https://*.example.com, or *")
	f.is(&p.production, "production", "PRODUCTION", "be careful: the schema is told to nobody, there is no playground, "+
		"what a form of any page could send is refused, clients have a rate limit, and there must be authentication")
	f.text(&p.introspection, "introspection", "INTROSPECTION", introspectionAuto,
		"`WHETHER` the schema is told, and errors say what could have been meant: on, off, or auto: not in production")
	f.is(&p.playground, "playground", "PLAYGROUND", "serve the playground in production, too; it completes queries and "+
		"has the documentation where --introspection is on")
	f.is(&p.allowNoAuth, "allow-no-auth", "ALLOW_NO_AUTH", "allow --auth none in production")
	f.section = ""
}

// kafkaFlags declares how to connect to Kafka.
func kafkaFlags(f *flags, c *indexer.Connection) {
	f.list(&c.Brokers, "kafka", "KAFKA_BROKERS", "localhost:9092", "`ADDRESSES` of Kafka brokers, with commas between them")
	f.BoolVar(&c.TLS, "kafka-tls", false, "connect to Kafka over TLS, as --kafka-ca, --kafka-cert and --kafka-key do, too")
	f.add("kafka-tls", "KAFKA_TLS")
	f.text(&c.CAFile, "kafka-ca", "KAFKA_CA_FILE", "",
		"`FILE` of certificates (PEM) of the authorities that Kafka's certificates are signed by; without, the system's")
	f.text(&c.CertFile, "kafka-cert", "KAFKA_CERT_FILE", "", "`FILE` of the certificate (PEM) to show to Kafka")
	f.text(&c.KeyFile, "kafka-key", "KAFKA_KEY_FILE", "", "`FILE` of that certificate's key (PEM)")
	f.text(&c.Mechanism, "kafka-sasl", "KAFKA_SASL", "",
		"`MECHANISM` to authenticate by: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; without, not at all")
	f.text(&c.User, "kafka-user", "KAFKA_USER", "", "`NAME` to authenticate with")
	f.secretText((*string)(&c.Password), "kafka-password", "KAFKA_PASSWORD",
		"`PASSWORD` to authenticate with; other users of the machine can read a command line, so better not there")
	f.text(&c.ClientID, "kafka-client-id", "KAFKA_CLIENT_ID", "viewgate",
		"`NAME` by which Kafka logs and limits this process")
}

// tracingFlags declares where spans go. The variables are OpenTelemetry's, whose SDK reads OTEL_RESOURCE_ATTRIBUTES and OTEL_BSP_*
// by itself.
func tracingFlags(f *flags, o *telemetry.Options) {
	f.text(&o.Endpoint, "otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "",
		"`URL` of an OpenTelemetry collector, such as http://collector:4318, to send spans to as OTLP over HTTP in JSON; without, "+
			"there are none")
	f.text(&o.TracesURL, "otlp-traces-endpoint", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "whole `URL` for spans, in its place")
	f.secretText(&o.Headers, "otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS", "`HEADERS` for it: name=value, with commas between them")
	f.text(&o.Service, "service-name", "OTEL_SERVICE_NAME", "viewgate", "`NAME` of this service in spans")
	f.text(&o.Sampler, "trace-sampler", "OTEL_TRACES_SAMPLER", "parentbased_always_on",
		"`SAMPLER`, which says whether a trace is recorded: "+strings.Join(telemetry.Samplers(), ", "))
	f.text(&o.SamplerArg, "trace-sampler-arg", "OTEL_TRACES_SAMPLER_ARG", "", "the `PART` of traces that a ratio sampler records, 0 to 1")
}

func forgottenFlag(f *flags, topic *string) {
	f.text(topic, "forgotten-topic", "FORGOTTEN_TOPIC", "",
		"`TOPIC` that has who is to be forgotten, the same for all processes of the views; without, forgotten with "+
			"--elasticsearch-prefix before it")
}

func forgetFlags(f *flags) func(context.Context, console, []string) error {
	var s forgetSettings
	maintenanceFlags(f, &s.rebuildSettings)
	f.BoolVar(&s.dryRun, "dry-run", false, "count what would be erased, and do nothing")
	f.BoolVar(&s.purge, "purge", true, "take what was overwritten off the disks, too, which costs merges of the indices; with "+
		"--purge=false it goes when they merge by themselves")
	return func(ctx context.Context, c console, args []string) error { return forget(ctx, c, s, args[0], args[1]) }
}

func metricsFlag(f *flags, addr *string) {
	f.text(addr, "metrics", "METRICS_ADDR", "", "`HOST:PORT` at which /metrics tells how far it is, while it runs")
}
