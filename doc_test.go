package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// declared returns the flags of each command, and the environment variables that any of them knows.
func declared() (byCommand map[string]*flags, variables []string) {
	byCommand = map[string]*flags{}
	for _, cmd := range commands {
		f := &flags{FlagSet: flag.NewFlagSet(cmd.name, flag.ContinueOnError), getenv: func(name string) string {
			variables = append(variables, name)
			return ""
		}}
		f.SetOutput(io.Discard)
		cmd.flags(f)
		byCommand[cmd.name] = f
	}
	return byCommand, variables
}

// What of a page is read as a command: lines of code, fenced or indented, and code within a sentence.
var (
	fencePattern  = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	indentPattern = regexp.MustCompile(`(?m)^    .*$`)
	inlinePattern = regexp.MustCompile("`([^`\n]+)`")
	callPattern   = regexp.MustCompile(`(?:^|\s)viewgate ([a-z]+)((?: [^|;&#]*)?)`)
	flagPattern   = regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)
)

// codeOf returns the lines of code of a page; those that are continued are one.
func codeOf(text string) (lines []string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, m := range fencePattern.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(m[1], "\n")...)
	}
	text = fencePattern.ReplaceAllString(text, "")
	lines = append(lines, indentPattern.FindAllString(text, -1)...)
	for _, m := range inlinePattern.FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// TestDocumentedCommands: every command, flag and environment variable that the documentation names is there.
func TestDocumentedCommands(t *testing.T) {
	byCommand, variables := declared()
	inManifest := regexp.MustCompile(`\{name: ([A-Z_]+), value`)
	pages, err := filepath.Glob("doc/*.md")
	if err != nil {
		t.Fatal(err)
	}
	commandsSeen := map[string]bool{}
	for _, page := range append(pages, "README.md") {
		for _, line := range codeOf(readText(t, page)) {
			for _, m := range callPattern.FindAllStringSubmatch(line, -1) {
				f, ok := byCommand[m[1]]
				if !ok {
					t.Errorf("%s: there is no command %s: %s", page, m[1], line)
					continue
				}
				commandsSeen[m[1]] = true
				for _, fl := range flagPattern.FindAllStringSubmatch(m[2], -1) {
					if f.Lookup(fl[1]) == nil && fl[1] != "help" {
						t.Errorf("%s: %s has no flag --%s: %s", page, m[1], fl[1], line)
					}
				}
			}
			if strings.HasPrefix(line, "--") {
				name := flagPattern.FindStringSubmatch(line)
				if name != nil && !anyHas(byCommand, name[1]) {
					t.Errorf("%s: no command has a flag %s", page, line)
				}
			}
			for _, m := range inManifest.FindAllStringSubmatch(line, -1) {
				if !slices.Contains(variables, m[1]) {
					t.Errorf("%s: there is no environment variable %s", page, m[1])
				}
			}
		}
	}
	for _, cmd := range commands {
		if !commandsSeen[cmd.name] && cmd.name != "version" && cmd.name != "demo" {
			t.Errorf("no page has an example of viewgate %s", cmd.name)
		}
	}
}

// TestDocumentedSamples: the files that are given to be loaded are there.
func TestDocumentedSamples(t *testing.T) {
	for _, page := range []string{"README.md", "docker-compose.yml"} {
		samples := regexp.MustCompile(`viewgate load (?:- < )?(\S+)`).FindAllStringSubmatch(readText(t, page), -1)
		for _, m := range samples {
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
		if len(samples) == 0 {
			t.Errorf("%s: nothing is loaded", page)
		}
	}
}

func anyHas(byCommand map[string]*flags, name string) bool {
	for _, f := range byCommand {
		if f.Lookup(name) != nil {
			return true
		}
	}
	return name == "help"
}

// TestLinks: what the documentation's pages refer to is there, sections among them.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("doc/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md") {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(readText(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, section, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if !slices.Contains(sections(t, target), section) {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
	}
}
