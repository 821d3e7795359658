// Command viewgate is a GraphQL query gateway over CQRS views: it indexes domain events from Kafka into denormalized
// documents and answers GraphQL queries from them, or from the services that own the data where an answer must be
// fresher than the view.
//
// This file has the sub-commands with their flags and environment variables, and nothing else reads either; flags.go says
// how they are read.
// serve.go wires the parts together; demo.go adds the example around them; load.go publishes events from a file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/view/elastic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, console{os.Stdout, os.Stderr, os.Getenv}, os.Args[1:]))
}

// console is what a command talks to.
type console struct {
	out, err io.Writer
	getenv   func(string) string
}

// command is a sub-command. Its flags function declares what it can be told and returns what to run then.
type command struct {
	name, arguments, summary string
	help                     string
	flags                    func(*flags) func(context.Context, console, []string) error
}

var commands = []command{
	{
		"demo", "", "run everything in one process: broker, example services, simulator, indexer, gateway",
		`Nothing else needs to be installed. Orders are placed, cooked, delivered, cancelled and revised while you watch;
the page at / says where to look. Without --data all of it is gone when it stops.

  viewgate demo                        a few orders a second, until Ctrl-C
  viewgate demo --data ./data          the same, kept over restarts
  viewgate demo --orders 0             no simulated orders: what you place with POST /orders at the Order service
                                       is cooked and delivered all the same`,
		demoFlags,
	},
	{
		"serve", "", "index events from Kafka and answer GraphQL queries",
		`Without --elasticsearch the view is kept by the embedded store, in --data, which belongs to one process; then the
role is "all". With it, gateways and indexers can be told apart and be as many as needed.

  viewgate serve --kafka kafka:9092 --data ./data
  viewgate serve --kafka kafka:9092 --elasticsearch http://elasticsearch:9200 --role indexer`,
		serveFlags,
	},
	{
		"load", "FILE", "publish events from a JSON Lines file to Kafka",
		`Each line is {"topic": …, "key": …, "headers": {…}, "value": …}, all strings; FILE may be compressed (.gz), and - is
standard input. Order within a key is kept.

  viewgate load orders.jsonl.gz --kafka localhost:9092`,
		loadFlags,
	},
	{
		"dlq", "ACTION", "list, show or replay records that could not be indexed",
		`Such a record goes to its topic's dead letter topic, TOPIC.dlq, with the reason. ACTION is

  list     how many there are for each topic and reason; with --each, one line for each. A record that several consumer
           groups could not index is one, with the newest reason
  show     all of one of them
  replay   publish them once more where they were, when what was wrong has been put right; nothing asks back

The flags choose among them. What has been replayed is remembered, and not replayed again without --all. Skipped, without
--force, are records that still cannot be decoded, and events without versions: these would be applied as the newest.

  viewgate dlq list --kafka kafka:9092
  viewgate dlq show --letter Order.dlq/0/17
  viewgate dlq replay --topic Order --reason body --dry-run`,
		dlqFlags,
	},
	{
		"rebuild", "VIEW", "build a view anew from the topics' beginning, and put it in the live one's place",
		`Beside the live index, which is read and written on meanwhile, a new one is filled. When it has caught up, it is
compared with the live one, and made live itself if they do not differ; running indexers go on with it. A rebuild that was
interrupted goes on where it was. VIEW is one of {views}.

With --data, nothing else may be using the directory.

  viewgate rebuild orders --kafka kafka:9092 --elasticsearch http://elasticsearch:9200
  viewgate rebuild orders --kafka kafka:9092 --data ./data`,
		rebuildFlags,
	},
	{
		"rollback", "VIEW", "go back to the index of a view that was live before",
		`That index is brought up to date and made live; running indexers go on with it.

  viewgate rollback orders --kafka kafka:9092 --elasticsearch http://elasticsearch:9200`,
		rollbackFlags,
	},
	{
		"verify", "VIEW", "compare a view with the services that own its data, and mend it",
		`Documents chosen at random are compared, part by part and field by field, with what their owners answer. Values count at
equal versions: there a difference is drift, and a table tells it. What is at another version is looked at again after a
pause, and told if it still is: behind is a view that has not come to where its owner was at the first look, ahead an
owner that answers what was. VIEW is one of {views}.

With --heal the owners' answers are joined with what is wrong. Indexers may run meanwhile: nothing of theirs is lost.
With --data, nothing else may be using the directory.

The exit code is 0 where nothing is wrong, or nothing is any more; 1 where parts drift, stay behind or are missing, or
could not be compared.

  viewgate verify orders --elasticsearch http://elasticsearch:9200 --order-service http://order:8080 …
  viewgate verify orders --sample 10000 --heal …
  viewgate verify orders --all --data ./data …`,
		verifyFlags,
	},
	{
		"forget", "consumer ID", "erase what is personal of a consumer from all views, for good",
		`The consumer's name, the address, the courier's place, all that the schema tags as personal, is taken out of their orders;
a pseudonym stands in the place of their id. What can be counted stays: orders, totals, statuses, restaurants, dishes, months.
It stays so over rebuilds, replays, late events and owners' answers, because the pseudonym is put on a list, a topic of Kafka
that all who write read first. The list names nobody, and who is on it stays there: a person who comes back needs another id.

What the command does: it puts the person on the list, waits 16 seconds until every process goes by it, erases all indices of
the views and the copies among dead letters, and takes what was overwritten off the disks. Indexers and gateways run on. With
--data, the process that serves erases, and the command waits for it. Interrupted, the same command goes on.

It cannot reach the topics of events, the owners of the data, backups and exports: doc/operations.md says what to do there.

The exit code is 0 when all of it is erased, and 1 where something is left, which it names.

  viewgate forget consumer 4711 --kafka kafka:9092 --elasticsearch http://elasticsearch:9200
  viewgate forget consumer 4711 --kafka kafka:9092 --data ./data
  viewgate forget consumer 4711 --dry-run …`,
		forgetFlags,
	},
	{
		"export", "VIEW", "write documents of a view, all or those that a query finds, as JSON lines or CSV",
		`All that --query finds is written as it was at one moment, whatever is written to the view meanwhile, in the order that
--order says, else by id. The query is in the language of searches, doc/search.md; only what it says is found, nothing like
it. What of it cannot be understood is left out with a warning; with --strict, and where nothing is left of it, nothing is
written. An export shows everything, unless --as says whose it is to be: it is for the operators of the view. VIEW is one of
{views}.

--format jsonl is a document in each line, with the fields that the view's GraphQL type has. --format csv is RFC 4180: a
line of names, then a row for each document, with the fields that can be searched, or with --fields, which are called as in
searches: city, restaurant.name. Money is its exact amount, times are as the document has them, and the values of a list are
joined by "; ". A text that begins with = + - @, a tab or a CR would be run by a spreadsheet: it has an apostrophe before it.

With --output nothing is there until all is: what is interrupted, or fails, leaves no file. A file that is there is kept
unless --force is given; only its owner can read a new one. With --data, nothing else may be using the directory.

  viewgate export orders --elasticsearch http://elasticsearch:9200 > orders.jsonl
  viewgate export orders --query 'status:delivered createdAt:2026-03' --format csv --output march.csv …
  viewgate export orders --order total:desc,createdAt --limit 100 --format csv --fields orderId,total,city --data ./data
  viewgate export orders --query 'bill.state:authorization-failed' --strict --data ./data | jq -r .consumer.name`,
		exportFlags,
	},
	{"version", "", "print the version", "", versionFlags},
}

// run runs a command line and returns the process's exit code: 0, 1 for a failure, 2 for a wrong command line.
func run(ctx context.Context, c console, args []string) int {
	if len(args) == 0 {
		usage(c.err)
		return 2
	}
	name := strings.TrimLeft(args[0], "-")
	if name == "help" || name == "h" {
		if len(args) == 1 {
			usage(c.out)
			return 0
		}
		args = []string{args[1], "--help"}
		name = args[0]
	}
	for _, cmd := range commands {
		if cmd.name == name {
			return cmd.run(ctx, c, args[1:])
		}
	}
	fmt.Fprintf(c.err, "viewgate: there is no command %q; viewgate --help lists them\n", args[0])
	return 2
}

func (cmd command) run(ctx context.Context, c console, args []string) int {
	f := &flags{FlagSet: flag.NewFlagSet(cmd.name, flag.ContinueOnError), getenv: c.getenv}
	f.SetOutput(io.Discard)
	action := cmd.flags(f)
	positional, err := f.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		cmd.usage(c.out, f)
		return 0
	case err != nil:
		fmt.Fprintf(c.err, "viewgate %s: %v\n", cmd.name, err)
		return 2
	case len(positional) != len(strings.Fields(cmd.arguments)):
		fmt.Fprintf(c.err, "viewgate %s takes %s beside its flags, not %q; see viewgate %[1]s --help\n",
			cmd.name, orNothing(cmd.arguments), positional)
		return 2
	}
	if err := action(ctx, c, positional); err != nil {
		fmt.Fprintf(c.err, "viewgate %s: %v\n", cmd.name, err)
		if errors.As(err, new(usageError)) {
			return 2
		}
		return 1
	}
	return 0
}

// usageError is a wrong command line that shows only when the command runs.
type usageError struct{ error }

func orNothing(arguments string) string {
	if arguments == "" {
		return "nothing"
	}
	return arguments
}

func usage(w io.Writer) {
	fmt.Fprint(w, "viewgate is a GraphQL query gateway over CQRS views.\n\nUsage: viewgate COMMAND [FLAGS]\n\n")
	for _, cmd := range commands {
		fmt.Fprintf(w, "  %-13s %s\n", cmd.name+" "+cmd.arguments, cmd.summary)
	}
	fmt.Fprint(w, "\nviewgate COMMAND --help tells more. To begin with: viewgate demo\n")
}

func (cmd command) usage(w io.Writer, f *flags) {
	fmt.Fprintf(w, "viewgate %s: %s\n\nUsage: viewgate %s\n\n", cmd.name, cmd.summary,
		strings.Join(strings.Fields(cmd.name+" "+cmd.arguments+" [FLAGS]"), " "))
	if cmd.help != "" {
		fmt.Fprintf(w, "%s\n\n", strings.ReplaceAll(cmd.help, "{views}", strings.Join(viewNames(), ", ")))
	}
	f.describe(w)
}

// gatewayFlags declares what serve and demo have in common.
func gatewayFlags(f *flags, s *settings, logLevel string) {
	f.text(&s.addr, "addr", "ADDR", ":8080", "`ADDRESS` to serve HTTP on")
	f.text(&s.data, "data", "DATA_DIR", "", "`DIR` to keep everything in")
	f.secretText(&s.tokenKey, "token-key", "TOKEN_KEY",
		"`SECRET` that freshness tokens are encrypted with, the same for all gateways; without, tokens end with the process")
	f.text(&s.logLevel, "log-level", "LOG_LEVEL", logLevel, "`LEVEL`: debug, info, warn or error")
	f.text(&s.accessLog, "access-log", "ACCESS_LOG", accessSlow,
		"`OPERATIONS` to log a line of: all; slow, and those that fail by no fault of the client's; or off")
	f.DurationVar(&s.slowQuery, "slow-query", time.Second, "`TIME` from which on a query is slow; 0: none is")
	f.add("slow-query", "SLOW_QUERY")
	protectionFlags(f, &s.protection)
}

func configFlag(f *flags, file *string) {
	f.text(file, "config", "VIEWGATE_CONFIG", "",
		"`FILE` that says which topics carry which events (YAML; see viewgate.example.yaml); without, food to go's")
}

// indexFlags declares where the indices are, and who fills them.
func indexFlags(f *flags, group *string, e *elastic.Options) {
	f.text(group, "group", "CONSUMER_GROUP", "viewgate",
		"what the names of the indexers' Kafka consumer `GROUP`s begin with: GROUP.INDEX, one for each index")
	elasticFlags(f, e)
	f.count(&e.Shards, "elasticsearch-shards", "ELASTICSEARCH_SHARDS", 1, "`NUMBER` of shards of an index that is made")
	f.count(&e.Replicas, "elasticsearch-replicas", "ELASTICSEARCH_REPLICAS", 0,
		"`NUMBER` of replicas of each; 0: one as soon as there is a node for it")
	f.DurationVar(&e.RefreshInterval, "elasticsearch-refresh", elastic.DefaultRefreshInterval,
		"how much `TIME` may pass until searches of an index that is made see a write")
	f.add("elasticsearch-refresh", "ELASTICSEARCH_REFRESH")
}

// elasticFlags declares how to connect to Elasticsearch, and what is ours there.
func elasticFlags(f *flags, e *elastic.Options) {
	f.list(&e.URLs, "elasticsearch", "ELASTICSEARCH_URL", "",
		"`URLS` of Elasticsearch, with commas between them; without, the embedded store in --data")
	f.text(&e.Prefix, "elasticsearch-prefix", "ELASTICSEARCH_PREFIX", "viewgate-",
		"what the `NAMES` of indices and aliases there begin with")
	f.text(&e.Username, "elasticsearch-user", "ELASTICSEARCH_USER", "", "`NAME` to authenticate with")
	f.secretText(&e.Password, "elasticsearch-password", "ELASTICSEARCH_PASSWORD", "`PASSWORD` to authenticate with")
	f.secretText(&e.APIKey, "elasticsearch-api-key", "ELASTICSEARCH_API_KEY", "`KEY` to authenticate with, encoded, instead")
	f.text(&e.CAFile, "elasticsearch-ca", "ELASTICSEARCH_CA_FILE", "",
		"`FILE` of certificates (PEM) of the authorities that its certificates are signed by; without, the system's")
}

func serveFlags(f *flags) func(context.Context, console, []string) error {
	var s settings
	gatewayFlags(f, &s, "info")
	authFlags(f, &s.auth)
	auditFlags(f, &s.audit)
	kafkaFlags(f, &s.kafka)
	f.text(&s.kafka.InstanceID, "kafka-instance-id", "KAFKA_INSTANCE_ID", "",
		"`NAME` of this process in its consumer group, no other's: a restart within the session timeout moves no partitions")
	f.text(&s.certFile, "tls-cert", "TLS_CERT_FILE", "",
		"`FILE` of the server's certificate (PEM), and of those between it and its authority's, to serve HTTPS instead; it is "+
			"read anew when it changes")
	f.text(&s.keyFile, "tls-key", "TLS_KEY_FILE", "", "`FILE` of the certificate's private key (PEM)")
	f.text(&s.role, "role", "ROLE", "all", "`ROLE`: gateway (answers queries), indexer (keeps the views) or all")
	indexFlags(f, &s.group, &s.elastic)
	f.text(&s.feedPrefix, "feed-prefix", "FEED_PREFIX", "",
		"what the `NAMES` of the topics begin with by which indexers tell gateways what has changed, where the views are in "+
			"Elasticsearch: one for each view, with its name and .feed behind; without, what names there begin with")
	forgottenFlag(f, &s.forgotten)
	configFlag(f, &s.configFile)
	ownerFlags(f, &s.owners, "to be asked for answers fresher than the view",
		compose.OrderOwner, compose.KitchenOwner, compose.DeliveryOwner, compose.AccountingOwner,
		compose.RestaurantOwner, compose.ConsumerOwner)
	f.list(&s.owners.Forward, "forward-header", "FORWARD_HEADERS", "",
		"`NAMES` of clients' headers that go to these services, too, such as Authorization, with commas between them")
	f.Float64Var(&s.verifyRate, "verify-rate", 0,
		"documents `PER-SECOND`, chosen at random, that an indexer compares with their owners; 0: none")
	f.add("verify-rate", "VERIFY_RATE")
	tracingFlags(f, &s.tracing)
	f.DurationVar(&s.readyLag, "ready-lag", 0,
		"`TIME` that a view may be behind until /readyz says that the process is not ready; 0: however long")
	f.add("ready-lag", "READY_LAG")
	f.DurationVar(&s.drain, "drain", 0, "`TIME` to serve on when the process is to stop and /readyz says so")
	f.add("drain", "DRAIN")
	return func(ctx context.Context, c console, _ []string) error {
		if s.production && !f.given("rate-limit") {
			s.rate = productionRate
		}
		if !f.given("kafka") && s.role == roleGateway { // it can do without, so it does not look for one where none was named
			s.kafka.Brokers = nil
		}
		return serve(ctx, c, s)
	}
}

// ownerFlags declares where these owners are, who are asked for a purpose.
func ownerFlags(f *flags, o *compose.Options, purpose string, owners ...compose.Owner) {
	url := map[compose.Owner]*string{
		compose.OrderOwner: &o.Order, compose.KitchenOwner: &o.Kitchen, compose.DeliveryOwner: &o.Delivery,
		compose.AccountingOwner: &o.Accounting, compose.RestaurantOwner: &o.Restaurant, compose.ConsumerOwner: &o.Consumer,
	}
	for _, owner := range owners {
		f.text(url[owner], string(owner)+"-service", strings.ToUpper(string(owner))+"_SERVICE_URL", "",
			fmt.Sprintf("`URL` of the %s service, %s", owner, purpose))
	}
	f.secretLines(&o.Headers, "owner-header", "OWNER_HEADERS",
		"`HEADER` for these services, such as 'X-Api-Key: …', or 'order/X-Api-Key: …' for one; can be given several times")
}

func demoFlags(f *flags) func(context.Context, console, []string) error {
	var s settings
	var d demoSettings
	gatewayFlags(f, &s, "warn")
	f.text(&s.auth.mode, "auth", "AUTH", authNone,
		"`HOW` it is found out who asks: demo, by tokens that everybody can have, or none: everybody sees everything")
	f.text(&d.brokerAddr, "broker-addr", "BROKER_ADDR", "",
		"`ADDRESS` for the broker; without, 127.0.0.1:9092, or another port if that is taken")
	f.count(&d.servicesPort, "services-port", "SERVICES_PORT", 8081,
		"first `PORT` of the example services, which use it and the next four and the eighth after it; 0: any free ones")
	f.count(&d.orders, "orders", "ORDERS", -1, "`NUMBER` of orders to simulate; 0: none, -1: no end")
	f.Float64Var(&d.rate, "rate", 2, "simulated orders `PER-SECOND`")
	f.add("rate", "RATE")
	f.Float64Var(&d.speed, "speed", 1, "`FACTOR` by which kitchens and couriers are quicker than 10 to 30 seconds an order")
	f.add("speed", "SPEED")
	f.Int64Var(&d.seed, "seed", 1, "`SEED` of the simulation")
	f.add("seed", "SEED")
	return func(ctx context.Context, c console, _ []string) error { return demo(ctx, c, s, d) }
}

func loadFlags(f *flags) func(context.Context, console, []string) error {
	var kafka indexer.Connection
	kafkaFlags(f, &kafka)
	return func(ctx context.Context, c console, args []string) error { return load(ctx, c, kafka, args[0]) }
}

func dlqFlags(f *flags) func(context.Context, console, []string) error {
	var s dlqSettings
	kafkaFlags(f, &s.kafka)
	configFlag(f, &s.configFile)
	f.StringVar(&s.topic, "topic", "", "only of this `TOPIC`; what follows a dot in its name will do")
	f.StringVar(&s.reason, "reason", "", "only with this `REASON`: "+join(event.Reasons()))
	f.StringVar(&s.key, "key", "", "only with this `KEY`")
	f.StringVar(&s.letter, "letter", "", "only the one at `TOPIC/PARTITION/OFFSET` of the dead letter topic, as list --each says")
	f.BoolVar(&s.each, "each", false, "list: one line for each")
	f.BoolVar(&s.all, "all", false, "replay: also what has been replayed before")
	f.BoolVar(&s.force, "force", false, "replay: also what cannot be decoded, or has no version")
	f.BoolVar(&s.dryRun, "dry-run", false, "replay: say what it would do, and do nothing")
	return func(ctx context.Context, c console, args []string) error {
		var set []string
		f.Visit(func(fl *flag.Flag) { set = append(set, fl.Name) })
		if err := s.check(args[0], set); err != nil {
			return err
		}
		return dlq(ctx, c, s, args[0])
	}
}

// maintenanceFlags declares what rebuild and rollback have in common.
func maintenanceFlags(f *flags, s *rebuildSettings) {
	kafkaFlags(f, &s.kafka)
	indexFlags(f, &s.group, &s.elastic)
	f.text(&s.data, "data", "DATA_DIR", "", "`DIR` that serve keeps everything in")
	configFlag(f, &s.configFile)
	forgottenFlag(f, &s.forgotten)
	f.text(&s.logLevel, "log-level", "LOG_LEVEL", "warn", "`LEVEL`: debug, info, warn or error")
}

func rebuildFlags(f *flags) func(context.Context, console, []string) error {
	var s rebuildSettings
	maintenanceFlags(f, &s)
	f.IntVar(&s.sample, "sample", 1000, "`NUMBER` of documents of either index to compare")
	f.BoolVar(&s.force, "force", false, "make the new index live even if it differs")
	f.BoolVar(&s.abandon, "abandon", false, "remove what an interrupted rebuild has left, and do no more")
	metricsFlag(f, &s.metrics)
	return func(ctx context.Context, c console, args []string) error { return rebuildView(ctx, c, s, args[0]) }
}

func rollbackFlags(f *flags) func(context.Context, console, []string) error {
	var s rebuildSettings
	maintenanceFlags(f, &s)
	metricsFlag(f, &s.metrics)
	return func(ctx context.Context, c console, args []string) error { return rollbackView(ctx, c, s, args[0]) }
}

func verifyFlags(f *flags) func(context.Context, console, []string) error {
	var s verifySettings
	maintenanceFlags(f, &s.rebuildSettings)
	ownerFlags(f, &s.owners, "to be compared with", allOwners()...)
	f.IntVar(&s.sample, "sample", 1000, "`NUMBER` of documents to compare, 10000 at most; 0: all")
	f.BoolVar(&s.all, "all", false, "compare every document")
	f.Int64Var(&s.seed, "seed", 0, "`SEED` of the choice of documents: the same one chooses the same ones; 0: any")
	f.IntVar(&s.groups, "consumers", 20,
		"`NUMBER` of consumers, of those in the documents, to ask the Order service for all their orders, so that some are "+
			"found which the view lacks; 0: none. Of another view its owner lists what it has")
	f.DurationVar(&s.pause, "pause", 5*time.Second,
		"`TIME` after which a document that is behind is looked at again; more than the view's usual lag")
	f.BoolVar(&s.heal, "heal", false, "join the owners' answers with what is wrong")
	return func(ctx context.Context, c console, args []string) error { return verifyView(ctx, c, s, args[0]) }
}

func versionFlags(*flags) func(context.Context, console, []string) error {
	return func(_ context.Context, c console, _ []string) error {
		fmt.Fprintln(c.out, "viewgate", version())
		return nil
	}
}

// version returns what the Go tool chain recorded of the source, "(devel)" if nothing.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	v := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && !strings.Contains(v, setting.Value[:min(12, len(setting.Value))]) {
			v += " " + setting.Value
		}
	}
	return v + ", " + info.GoVersion
}

// newLogger returns the logger that everything logs to.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %s: not one of debug, info, warn, error", strconv.Quote(level))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// shutdownTimeout is how long a stop may take.
const shutdownTimeout = 8 * time.Second
