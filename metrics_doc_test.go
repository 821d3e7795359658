package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/feed/broker"
	"github.com/viewgate/viewgate/verify"
	"github.com/viewgate/viewgate/view/elastic"
)

// metric is a metric as doc/metrics.md or a process tells it.
type metric struct {
	kind   string   // "" where it is not told
	labels []string // in order
}

// documented returns what doc/metrics.md has.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	row := regexp.MustCompile("(?m)^\\| `(viewgate_[a-z_]+)` \\| (\\w+) \\| ([^|]*)\\| .+ \\|$")
	for _, m := range row.FindAllStringSubmatch(readText(t, "doc/metrics.md"), -1) {
		if _, twice := all[m[1]]; twice {
			t.Errorf("doc/metrics.md has %s twice", m[1])
		}
		all[m[1]] = metric{m[2], slices.Sorted(strings.FieldsSeq(strings.ReplaceAll(m[3], "`", "")))}
	}
	if len(all) == 0 {
		t.Fatal("doc/metrics.md has no table of metrics")
	}
	return all
}

// descPattern is how a prometheus.Desc tells itself, which has no other way to.
var descPattern = regexp.MustCompile(`^Desc\{fqName: "(\w+)", help: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// described adds what a collector can collect of ours, whether or not there is any of it yet.
func described(t *testing.T, all map[string]metric, c prometheus.Collector) {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() { defer close(descs); c.Describe(descs) }()
	for d := range descs {
		m := descPattern.FindStringSubmatch(d.String())
		if m == nil {
			t.Errorf("%s cannot be read", d)
			continue
		}
		labels := regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1)
		names := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })
		for _, l := range labels {
			names = append(names, l[1])
		}
		slices.Sort(names)
		if strings.HasPrefix(m[1], "viewgate_") {
			all[m[1]] = metric{labels: slices.Compact(names)}
		}
	}
}

// TestMetricsAreDocumented: doc/metrics.md has the metrics that there are, and no others. One process runs; of what others
// have besides, the parts are asked.
func TestMetricsAreDocumented(t *testing.T) {
	p := assembleEmpty(t, func(s *settings) { s.owners.Order = "http://127.0.0.1:1" }, func(*app) {})
	p.waitReady(http.StatusOK, func(readiness) bool { return true })
	has := map[string]metric{}
	described(t, has, p.registry)
	for _, v := range p.views {
		described(t, has, v.indexing.Load().metrics)
	}
	described(t, has, newRebuildMetrics("orders").registry)
	others := prometheus.NewRegistry()
	labelledOthers := labelled("orders", others)
	mapping, err := orders.readMapping()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elastic.Open(t.Context(), mapping, elastic.Options{URLs: []string{"http://127.0.0.1:1"}, Registerer: labelledOthers}); err == nil {
		t.Fatal("there is an Elasticsearch at port 1")
	}
	(&served{elastic: &elastic.Store{}}).register(labelledOthers)
	topic := feeds{topic: broker.NewPublisher(nil, sarama.NewConfig(), "feed", nil)}
	topic.register(labelledOthers)
	verify.New(nil, nil, nil, verify.Options{Registerer: labelledOthers})
	described(t, has, others)

	doc := documented(t)
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if d, ok := doc[name]; !ok || !slices.Equal(d.labels, has[name].labels) {
			t.Errorf("%s has the labels %v, in doc/metrics.md %v (there: %t)", name, has[name].labels, d.labels, ok)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if _, ok := has[name]; !ok {
			t.Errorf("doc/metrics.md has %s, which there is not", name)
		}
		if counts := strings.HasSuffix(name, "_total"); counts != (doc[name].kind == "counter") {
			t.Errorf("%s is a %s", name, doc[name].kind)
		}
	}
}

// checkMetrics compares what a process answers at /metrics with doc/metrics.md: names, types and labels.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	doc := documented(t)
	kinds := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (viewgate_\w+) (\w+)$`).FindAllStringSubmatch(text, -1) {
		kinds[m[1]] = m[2]
		if doc[m[1]].kind != m[2] {
			t.Errorf("%s is a %s, in doc/metrics.md %q", m[1], m[2], doc[m[1]].kind)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^(viewgate_\w+)(?:\{(.*)\})? `).FindAllStringSubmatch(text, -1) {
		name := baseName(m[1], func(name string) bool { return kinds[name] != "" })
		var labels []string
		for _, l := range regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		if !slices.Equal(labels, doc[name].labels) {
			t.Errorf("%s has the labels %v, in doc/metrics.md %v", name, labels, doc[name].labels)
		}
	}
	if len(kinds) < 20 {
		t.Errorf("only %d metrics of ours:\n%s", len(kinds), text)
	}
}

// baseName takes off what a histogram's series have behind its name, where there is no metric of the whole name.
func baseName(series string, known func(string) bool) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(series, suffix); cut && !known(series) {
			return base
		}
	}
	return series
}

// seriesPattern finds what may be the name of a series in an expression: a word that is no string, label or function.
var (
	quotedPattern = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	seriesPattern = regexp.MustCompile(`\b(?:viewgate|go|process)_[a-z_]+\b`)
)

// checkExpressions reports expressions that name a metric which doc/metrics.md has not, or a label that it does not have.
func checkExpressions(t *testing.T, expressions map[string]string) {
	t.Helper()
	doc := documented(t)
	labelled := regexp.MustCompile(`\b(viewgate_[a-z_]+)\{([^}]*)\}`)
	for _, name := range slices.Sorted(maps.Keys(expressions)) {
		text := expressions[name]
		found := 0
		for _, series := range seriesPattern.FindAllString(quotedPattern.ReplaceAllString(text, `""`), -1) {
			base := baseName(series, func(name string) bool { _, ok := doc[name]; return ok })
			m, ok := doc[base]
			if strings.HasPrefix(series, "viewgate_") && (!ok || (base != series) != (m.kind == "histogram")) {
				t.Errorf("%s: %s is no series of a metric in doc/metrics.md", name, series)
			}
			found++
		}
		for _, m := range labelled.FindAllStringSubmatch(text, -1) {
			base := baseName(m[1], func(name string) bool { _, ok := doc[name]; return ok })
			for _, l := range regexp.MustCompile(`(\w+)\s*[=!]~?\s*"`).FindAllStringSubmatch(m[2], -1) {
				if l[1] != "instance" && l[1] != "job" && !slices.Contains(doc[base].labels, l[1]) {
					t.Errorf("%s: %s has no label %s", name, base, l[1])
				}
			}
		}
		if found == 0 && !strings.Contains(text, `up{job="viewgate"}`) {
			t.Errorf("%s: no metric in %s", name, text)
		}
		if strings.Count(text, "(") != strings.Count(text, ")") {
			t.Errorf("%s: parentheses do not match in %s", name, text)
		}
	}
}

// TestAlerts: the alerts ask for metrics that there are, and their runbooks are sections that there are.
func TestAlerts(t *testing.T) {
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions([]byte(readText(t, "deploy/prometheus/alerts.yml")), &rules, yaml.Strict()); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	expressions := map[string]string{}
	for _, group := range rules.Groups {
		for _, r := range group.Rules {
			if expressions[r.Alert] != "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("alert %q is there twice, or lacks a severity or a summary", r.Alert)
			}
			expressions[r.Alert] = r.Expr
			file, section, _ := strings.Cut(r.Annotations["runbook"], "#")
			if !slices.Contains(sections(t, file), section) {
				t.Errorf("alert %s: %s has no section %q", r.Alert, file, section)
			}
		}
	}
	if len(expressions) == 0 {
		t.Fatal("there are no alerts")
	}
	checkExpressions(t, expressions)
}

// sections returns the anchors of a file's headings, and "" for the file itself.
func sections(t *testing.T, file string) []string {
	t.Helper()
	all := []string{""}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(readText(t, file), -1) {
		plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// TestDashboard: the dashboard shows metrics that there are.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			ID          int
			Type, Title string
			Targets     []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal([]byte(readText(t, "deploy/grafana/viewgate.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	expressions := map[string]string{}
	for _, p := range dashboard.Panels {
		if len(p.Targets) == 0 != (p.Type == "row") {
			t.Errorf("panel %q of type %s shows %d things", p.Title, p.Type, len(p.Targets))
		}
		for i, target := range p.Targets {
			expressions[fmt.Sprintf("panel %q, %d", p.Title, i)] = target.Expr
		}
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			expressions["variable "+v.Name] = v.Query
		}
	}
	checkExpressions(t, expressions)
}
