package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// manifest is a manifest of Kubernetes, as far as the test looks at it.
type manifest struct {
	Kind string
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Args []string
					Env  []struct{ Name, Value string }
				}
			}
		}
	}
}

// TestDeployedGateways: what doc/operations.md gives to copy is understood, and no gateway of it is open to everybody.
func TestDeployedGateways(t *testing.T) {
	_, deploy, _ := strings.Cut(readText(t, "doc/operations.md"), "\n## Deploy\n")
	deploy, _, _ = strings.Cut(deploy, "\n## ")

	gateways := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(deploy, -1) {
		var m manifest
		if err := yaml.Unmarshal([]byte(block[1]), &m); err != nil {
			t.Fatal(yaml.FormatError(err, false, true))
		}
		for _, container := range m.Spec.Template.Spec.Containers {
			environment := map[string]string{}
			for _, v := range container.Env {
				environment[v.Name] = v.Value
			}
			if len(container.Args) == 0 || container.Args[0] != "serve" {
				t.Fatalf("%s runs %q", m.Kind, container.Args)
			}
			f, known := parseServe(t, environment, container.Args[1:]...)
			for name := range environment {
				if !slices.Contains(known, name) {
					t.Errorf("%s: viewgate knows no environment variable %s", m.Kind, name)
				}
			}
			value := func(name string) string { return f.Lookup(name).Value.String() }
			if value("role") == roleIndexer {
				continue
			}
			gateways++
			who := authSettings{
				mode: value("auth"), keys: value("jwks"), issuer: value("jwt-issuer"), audiences: splitList(value("jwt-audience")),
			}
			if err := who.check(); err != nil || who.mode != authJWT || value("production") != "true" {
				t.Errorf("%s is open to everybody: %q, %v", m.Kind, container.Args, err)
			}
		}
	}
	for _, line := range codeOf(deploy) {
		if !strings.Contains(line, "viewgate serve ") || strings.Contains(line, "--role indexer") {
			continue
		}
		gateways++
		if !strings.Contains(line, "--production --auth jwt") {
			t.Errorf("it is open to everybody: %s", line)
		}
	}
	if gateways < 3 {
		t.Errorf("%d gateways are found, want the manifest's and those of the commands", gateways)
	}
}
