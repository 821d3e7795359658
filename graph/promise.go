package graph

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
)

// promise is a Freshness argument, read.
type promise struct {
	compose.Freshness              // without Least, which depends on the order
	token             compose.Read // what its token says
	seen              compose.Seen // that and what was seen besides
}

// of returns what is promised of one order.
func (p promise) of(id string) compose.Freshness {
	f := p.Freshness
	f.Least = p.seen[id]
	return f
}

// What a Freshness argument may hold.
const (
	maxWait      = 5 * time.Second
	maxStaleness = 24 * time.Hour
	maxSeen      = 100
	maxTokens    = 16 // a federation's gateway joins those of its calls with commas
)

var (
	modes   = []compose.Mode{compose.Eventual, compose.AtLeast, compose.Fresh}
	onStale = []compose.OnStale{compose.Serve, compose.Fail}
)

// promise reads a field's argument; without one, what the request's headers say holds.
func (r *Resolver) promise(ctx context.Context, wanted *model.Freshness) (promise, error) {
	if wanted == nil {
		return requestOf(ctx).promise, nil
	}
	return readPromise(r.tokens, *wanted)
}

func readPromise(tokens compose.TokenKey, wanted model.Freshness) (promise, error) {
	p := promise{seen: compose.Seen{}}
	p.Mode, p.OnStale = compose.Mode(wanted.Mode), compose.OnStale(wanted.OnStale)
	if !slices.Contains(modes, p.Mode) {
		return p, badInput("freshness.mode: %.40q is none of %v", wanted.Mode, modes)
	}
	if !slices.Contains(onStale, p.OnStale) {
		return p, badInput("freshness.onStale: %.40q is none of %v", wanted.OnStale, onStale)
	}
	if n := wanted.WaitMs; n < 0 || int64(n) > maxWait.Milliseconds() { // before it is multiplied: a header's may be any number
		return p, badInput("freshness.waitMs: %d; 0 to %d are possible", n, maxWait.Milliseconds())
	}
	p.Wait = time.Duration(wanted.WaitMs) * time.Millisecond
	if wanted.MaxStalenessMs != nil {
		if n := *wanted.MaxStalenessMs; n < 1 || int64(n) > maxStaleness.Milliseconds() {
			return p, badInput("freshness.maxStalenessMs: %d; 1 to %d are possible", n, maxStaleness.Milliseconds())
		}
		p.MaxStaleness = time.Duration(*wanted.MaxStalenessMs) * time.Millisecond
	}
	if len(wanted.Seen) > maxSeen {
		return p, badInput("freshness.seen: %d versions; %d are possible", len(wanted.Seen), maxSeen)
	}
	if wanted.Token != nil {
		list := strings.Split(*wanted.Token, ",")
		if len(list) > maxTokens {
			return p, badInput("freshness.token: %d tokens; %d are possible", len(list), maxTokens)
		}
		for _, text := range list {
			read, err := tokens.Open(strings.TrimSpace(text))
			if err != nil {
				return p, badInput("freshness.token: %w", err)
			}
			p.token.Merge(read)
		}
		p.seen.Merge(p.token.Seen)
		if p.token.Beyond != nil {
			p.Beyond = &p.token.Beyond
		}
	}
	for _, s := range wanted.Seen {
		if compose.PartsOf(s.Aggregate) == 0 {
			return p, badInput("freshness.seen: %.40q is no aggregate", s.Aggregate)
		}
		var v compose.Versions
		v.Raise(s.Aggregate, s.Version)
		p.seen.Merge(compose.Seen{rawID(orderType, s.ID): v})
	}
	if p.Mode == compose.Eventual && (wanted.Token != nil || len(wanted.Seen) > 0) {
		return p, badInput("freshness: token and seen promise nothing in mode EVENTUAL; AT_LEAST keeps them")
	}
	return p, nil
}

// The headers that say for a whole operation what an argument says for one field, for clients that cannot change their
// queries; the argument beats them:
//
//	Viewgate-Freshness: FRESH; waitMs=500; maxStalenessMs=1000; onStale=ERROR
//	Viewgate-Token: ...
//
// A token alone means AT_LEAST. The answer has a Viewgate-Token for the next request. Several tokens count together, with
// commas between them or in headers of their own.
const (
	freshnessHeader = "Viewgate-Freshness"
	tokenHeader     = "Viewgate-Token"
)

// promiseOf reads the headers.
func promiseOf(header http.Header, tokens compose.TokenKey) (promise, error) {
	text, token := header.Get(freshnessHeader), strings.Join(header.Values(tokenHeader), ",")
	if text == "" && token == "" {
		return promise{}, nil
	}
	wanted := model.Freshness{Mode: string(compose.AtLeast), WaitMs: defaultWaitMs, OnStale: string(compose.Serve)}
	if token != "" {
		wanted.Token = &token
	}
	for i, part := range strings.Split(text, ";") {
		if part = strings.TrimSpace(part); i == 0 {
			if part != "" {
				wanted.Mode = part
			}
			continue
		}
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		switch {
		case name == "onStale":
			wanted.OnStale = value
		case name != "waitMs" && name != "maxStalenessMs":
			return promise{}, badInput("%s: %.40q is none of waitMs, maxStalenessMs, onStale", freshnessHeader, name)
		case err != nil:
			return promise{}, badInput("%s: %s: %.40q is no whole number", freshnessHeader, name, value)
		case name == "waitMs":
			wanted.WaitMs = n
		default:
			wanted.MaxStalenessMs = &n
		}
	}
	p, err := readPromise(tokens, wanted)
	if err != nil {
		return p, badInput("%s: %w", freshnessHeader, err)
	}
	return p, nil
}

// defaultWaitMs is the schema's default of Freshness.waitMs.
const defaultWaitMs = 200
