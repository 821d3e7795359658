// Package elastic is the view store in Elasticsearch, version 8 or later.
//
// # Indices and aliases
//
// A view's documents are in one index, named <prefix><view>-<mapping hash>-<number>: viewgate-orders-1a2b3c4d-1. Readers
// find it behind the alias <prefix><view>, which a rebuild moves to the next index in one step. Writers name one index,
// for as long as they live, and it is part of a Revision: a document read from one index is never written to another.
// They write through an alias of that index alone, because Elasticsearch creates an index that is missing, mapped by
// guessing, but never an alias.
//
// # How a document is indexed
//
// A document is stored as it was written, with one more field in front, _viewgate, that holds its id, to order by, and
// whether it is hidden. Its indexed fields have the mapping that the view.Mapping gives:
//
//	TEXT      text, with .stems where it is searched; where Field.Whole also .folded, and with a facet .raw
//	KEYWORD   keyword, as it is; unless Field.Exact also .folded
//	NUMBER    double
//	MONEY     an object whose amount is a double
//	DATE      date, in milliseconds
//	BOOLEAN   boolean
//	GEO       geo_point, below another field in front, _viewgate_places, which the store adds
//
// .folded is the whole value in lower case and without accents, to compare and to order by; .raw is the value as it
// stands, to be counted. Values beyond 8191 characters are kept, but neither compared nor counted whole. A value that is
// not of its field's kind is kept and not indexed; an object where a plain value belongs, or the reverse, is refused. All
// that the mapping does not name is kept as it is: the index never grows a field by itself.
//
// # Limits
//
// Accents are told from letters where the two are one character, as almost everywhere. In documents that write an accent
// as a character of its own, behind the letter, it makes another word.
//
// Facets count exactly where an index has one shard, as by default. With several, a value that is frequent only in one of
// them may be counted too low once a field has more values than ten times as many as are asked for.
package elastic

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
)

// minimumMajor is the oldest Elasticsearch that Open takes.
const minimumMajor = 8

// ErrMapping says that the view's index was built from another schema: it must be rebuilt.
var ErrMapping = errors.New("view index was built from another schema")

// Options say where Elasticsearch is and how indices are made there. The zero Options mean a node on this machine
// without credentials.
type Options struct {
	// URLs of the cluster's nodes, used in turn; http://127.0.0.1:9200 unless given.
	URLs []string
	// Prefix of the names of indices and aliases; "viewgate-" unless given.
	Prefix string

	// Username and Password are sent if both are given, unless there is an APIKey (its encoded form).
	Username, Password string
	APIKey             string
	// CAFile has the certificates, in PEM, that sign the nodes'; the system's unless given.
	CAFile string

	// Shards of an index that is created; 1 unless given.
	Shards int
	// Replicas of each shard of an index that is created; 0 means one as soon as there is a node for it.
	Replicas int
	// RefreshInterval is how old the writes may be that a search does not see yet; DefaultRefreshInterval unless given. It is
	// a property of the index, set when that is created. Negative means that only Refresh makes writes visible.
	RefreshInterval time.Duration

	// Timeout of each request; 10 seconds unless given. A context that ends earlier ends a request earlier.
	Timeout time.Duration
	// CountUpTo is how many matches a search counts exactly; 10,000 unless given. More are told as "at least".
	CountUpTo int

	// Transport replaces the HTTP transport. CAFile is not used then.
	Transport http.RoundTripper

	// Registerer takes the metrics of the requests. Nil: nobody counts.
	Registerer prometheus.Registerer
	// Tracer tells of the requests in spans. Nil: there are none.
	Tracer *telemetry.Tracer
}

// SearchDelay returns how much later a search may see a write than a read by id does, where the index was made with these
// options; not ok where only Refresh makes searches see it.
func (s *Store) SearchDelay() (delay time.Duration, ok bool) {
	return s.options.RefreshInterval, s.options.RefreshInterval > 0
}

// DefaultRefreshInterval is the RefreshInterval of an index that was created without one.
const DefaultRefreshInterval = time.Second

func (o Options) withDefaults() Options {
	if len(o.URLs) == 0 {
		o.URLs = []string{"http://127.0.0.1:9200"}
	}
	o.Prefix = cmp.Or(o.Prefix, "viewgate-")
	o.Shards = cmp.Or(o.Shards, 1)
	o.RefreshInterval = cmp.Or(o.RefreshInterval, DefaultRefreshInterval)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.CountUpTo = cmp.Or(o.CountUpTo, 10_000)
	return o
}

// Store is a view.Store on one index of Elasticsearch. What Open returns reads through the view's alias, so it follows
// when a rebuild moves that; what Pinned, OpenIndex and Create return reads and writes one index, whatever the alias says.
type Store struct {
	client  *client
	options Options
	mapping *view.Mapping
	index   string  // what Apply writes to
	reads   *target // what Get and Search read: an alias, or index
}

// target is a name that may change while it is used.
type target struct {
	name atomic.Pointer[string]
	gets gets
}

func newTarget(name string) *target {
	t := &target{}
	t.name.Store(&name)
	return t
}

func (t *target) String() string { return *t.name.Load() }

var _ view.Store = (*Store)(nil)

// Open opens the view's index, the one behind its alias, and creates both where there is no alias. An index that was
// built from another mapping is ErrMapping. Open does not wait for Elasticsearch to come up.
func Open(ctx context.Context, m *view.Mapping, o Options) (*Store, error) {
	return open(ctx, m, o, func(s *Store) error {
		s.reads = newTarget(s.alias())
		return s.findOrCreate(ctx)
	})
}

// OpenIndex opens the index of this name, whether or not the view's alias points to it. The index must exist and have
// been built from the mapping: another's is ErrMapping.
func OpenIndex(ctx context.Context, m *view.Mapping, o Options, index string) (*Store, error) {
	return open(ctx, m, o, func(s *Store) error {
		s.index, s.reads = index, newTarget(index)
		return s.checkMapping(ctx)
	})
}

// Create creates the mapping's next index, empty and behind no alias, and opens it. Publish puts it in its place.
func Create(ctx context.Context, m *view.Mapping, o Options) (*Store, error) {
	return open(ctx, m, o, func(s *Store) error { return s.createNext(ctx) })
}

// open connects and then lets find tell which index the store is of.
func open(ctx context.Context, m *view.Mapping, o Options, find func(*Store) error) (*Store, error) {
	o = o.withDefaults()
	c, err := connect(o)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	s := &Store{client: c, options: o, mapping: m}
	if err := c.check(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	if err := find(s); err != nil {
		c.close()
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	return s, nil
}

// Index returns the name of the index that the store writes to.
func (s *Store) Index() string { return s.index }

// Pinned returns a store that shares s's connections and reads the index that s writes, wherever the view's alias points:
// for an indexer, which must read what it folds into. Closing either closes both.
func (s *Store) Pinned() *Store {
	return s.at(s.index)
}

// Published returns the name of the index that the view's alias points to now.
func (s *Store) Published(ctx context.Context) (string, error) {
	index, err := s.published(ctx)
	if err == nil && index == "" {
		err = fmt.Errorf("alias %s: %w", s.alias(), view.ErrNoIndex)
	}
	if err != nil {
		return "", fmt.Errorf("view %s: %w", s.mapping.View, err)
	}
	return index, nil
}

// On returns a store that shares s's connections, like Pinned, and reads and writes the index of this name. An index that
// was built from another mapping is ErrMapping.
func (s *Store) On(ctx context.Context, index string) (*Store, error) {
	other := s.at(index)
	if err := other.CheckMapping(ctx); err != nil {
		return nil, err
	}
	return other, nil
}

// Stay makes s read the index of this name, wherever the view's alias points, until it is told another.
func (s *Store) Stay(index string) { s.reads.name.Store(&index) }

// Close waits for the calls under way. Later calls fail with view.ErrUnavailable, later writes with view.ErrRetry;
// closing again does nothing.
func (s *Store) Close() error {
	s.client.close()
	return nil
}

// connect prepares a client; it sends nothing.
func connect(o Options) (*client, error) {
	seconds, err := newSeconds(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	c := &client{timeout: o.Timeout, seconds: seconds, tracer: o.Tracer}
	var urls []*url.URL
	for _, text := range o.URLs {
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			// The text may hold a password, and so may the error.
			return nil, errors.New("an Elasticsearch URL is not of the form http://host:9200 or https://host:9200")
		}
		urls = append(urls, u)
		c.where = append(c.where, u.Redacted())
	}
	c.http = o.Transport
	if c.http == nil {
		t, err := newTransport(o.CAFile)
		if err != nil {
			return nil, err
		}
		c.http = t
	}
	transport, err := elastictransport.NewClient(
		elastictransport.WithURLs(urls...),
		elastictransport.WithBasicAuth(o.Username, o.Password),
		elastictransport.WithAPIKey(o.APIKey),
		elastictransport.WithTransport(c.http),
		elastictransport.WithUserAgent("viewgate"),
		// A write that is tried again is folded again first, so the indexer retries and nobody else.
		elastictransport.WithDisableRetry(),
	)
	if err != nil {
		return nil, fmt.Errorf("elasticsearch client: %w", err)
	}
	c.transport = transport
	return c, nil
}

func newTransport(caFile string) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // it would cost Elasticsearch and us more than the bytes that it saves
	t.MaxIdleConnsPerHost = 64  // one for each worker and search; the default of 2 closes and opens all the time
	t.ReadBufferSize = 32 << 10 // a page of documents takes a few reads, not a dozen
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("elasticsearch CA file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("elasticsearch CA file %s has no certificate in PEM", caFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return t, nil
}

// check reports whether an Elasticsearch that this package knows answers, in words for the person who configures it.
func (c *client) check(ctx context.Context) error {
	var info struct {
		Version struct {
			Number string `json:"number"`
		} `json:"version"`
	}
	header, err := c.do(ctx, esapi.InfoRequest{}, &info)
	var failed *failure
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("%w: set the CA file to the certificate that signed its own", err)
	case errors.As(err, &failed) && failed.status == http.StatusUnauthorized:
		return fmt.Errorf("%w: set a username and password, or an API key, that it accepts", err)
	case errors.As(err, &failed) && failed.status == http.StatusForbidden:
		return fmt.Errorf("%w: the credentials need the privileges to monitor the cluster and to manage its indices", err)
	case err != nil && header == nil:
		return fmt.Errorf("%w: is Elasticsearch running there, and is the URL right?", err)
	case header.Get("X-Elastic-Product") != "Elasticsearch":
		return fmt.Errorf("%s is not Elasticsearch: its answer lacks the header X-Elastic-Product. Is the URL right?", c)
	case err != nil:
		return err
	}
	major, _, _ := strings.Cut(info.Version.Number, ".")
	if n, err := strconv.Atoi(major); err != nil || n < minimumMajor {
		return fmt.Errorf("%s has version %q, and %d.0 or later is needed: upgrade it",
			c, info.Version.Number, minimumMajor)
	}
	return nil
}
