package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// flags declares flags that the environment can set, too: a flag on the command line beats its variable.
type flags struct {
	*flag.FlagSet
	getenv func(string) string
	bad    []error
	secret map[string]bool
}

// add declares a flag, and sets it from the environment variable, if there is one and it is set.
func (f *flags) add(name, variable string) {
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

func (f *flags) text(p *string, name, variable, value, usage string) {
	f.StringVar(p, name, value, usage)
	f.add(name, variable)
}

func (f *flags) count(p *int, name, variable string, value int, usage string) {
	f.IntVar(p, name, value, usage)
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
	f.text(&s.consumerClaim, "jwt-consumer-claim", "JWT_CONSUMER_CLAIM", "sub", "`CLAIM` that has a consumer's id, or the path to it")
	f.text(&s.restaurantClaim, "jwt-restaurant-claim", "JWT_RESTAURANT_CLAIM", "restaurant_id",
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
