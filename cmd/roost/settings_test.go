package main

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// fieldsOf gives the values of a command's struct, by flag name.
func fieldsOf(config any) map[string]value {
	fields := make(map[string]value)
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("name")
		if name == "" {
			name = fieldFlag(v.Type().Field(i).Name)
		}
		fields[name] = v.Field(i).Addr().Interface().(value)
	}
	return fields
}

// Each flag has a setting of its kind, and no setting is without a flag.
func TestSetting_Table_MatchesConfig(t *testing.T) {
	for command, config := range map[string]any{"serve": new(Config), "token": new(TokenConfig), "drain": new(DrainConfig)} {
		fields := fieldsOf(config)
		for _, s := range settingsOf(command) {
			v, ok := fields[s.name]
			if !ok {
				t.Errorf("%s has no flag --%s", command, s.name)
				continue
			}
			delete(fields, s.name)
			var fits bool
			switch v.(type) {
			case *toggle:
				fits = s.unit == "" && !s.many
			case *count:
				fits = s.unit == unitCount && s.high != 0
			case *size:
				fits = s.unit == unitSize && s.high != 0
			case *span:
				fits = s.unit == unitSpan && s.high != 0
			case *list:
				fits = s.many
			case *secret:
				fits = s.unit == unitText && !s.many && find(serveSettings, s.name+"-file") != nil
			case *text:
				fits = !s.many && (s.choices != nil) == (s.unit == unitChoice)
			}
			if !fits {
				t.Errorf("--%s of %s is a %T, and its setting says %q, many %v", s.name, command, v, s.unit, s.many)
			}
		}
		for name := range fields {
			t.Errorf("--%s of %s has no setting", name, command)
		}
	}
}

// A knob needs a sentence on when to turn it, and at most twelve are a section.
func TestSetting_Table_IsDescribed(t *testing.T) {
	sections := make(map[string]int)
	for _, s := range slices.Concat(settingsOf("serve"), tokenSettings, drainSettings) {
		if !strings.HasSuffix(s.meaning, ".") || !strings.HasSuffix(s.when, ".") {
			t.Errorf("--%s is not described in sentences: %q, %q", s.name, s.meaning, s.when)
		}
		if sections[s.section]++; sections[s.section] > 12 {
			t.Errorf("section %q has more than twelve flags", s.section)
		}
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s.name) {
			t.Errorf("%q cannot be a flag's name", s.name)
		}
	}
}

// The defaults are themselves right.
func TestSetting_Defaults_AreValid(t *testing.T) {
	p := parseServe(t, nil, nil)
	fields := fieldsOf(&p.grammar.Serve)
	for _, s := range serveSettings {
		if s.standard == "" {
			continue
		}
		v := fields[s.name]
		if v.String() != s.standard {
			t.Errorf("--%s: the default %q is printed as %q", s.name, s.standard, v)
		}
		f := filler{origins: origins{s.name: {rank: fromFlag}}}
		if err := f.check(&s, v); err != nil {
			t.Error(err)
		}
	}
	p.grammar.Serve.Auth = "none"
	if _, err := p.grammar.Serve.settle(p.origins); err != nil {
		t.Error(err)
	}
}

// The ranges that help tells are those that the edge has.
func TestSetting_Ranges_AreTheEdges(t *testing.T) {
	fields := reflect.TypeFor[edge.Config]()
	shared := 0
	for i := range fields.NumField() {
		field := fields.Field(i)
		s := find(serveSettings, fieldFlag(field.Name))
		if s == nil || s.high == 0 {
			continue
		}
		shared++
		for n, right := range map[int64]bool{s.low - 1: false, s.low: true, s.high: true, s.high + max(s.whole, 1): false} {
			var cfg edge.Config
			reflect.ValueOf(&cfg).Elem().Field(i).SetInt(n)
			if n == 0 {
				continue // 0 is the default
			}
			var wrong *edge.FieldError
			err := cfg.Validate()
			if right && err != nil || !right && !(errors.As(err, &wrong) && wrong.Field == field.Name) {
				// The edge makes an outbox hold one message at least.
				if field.Name == "Outbox" && n < s.low {
					continue
				}
				t.Errorf("--%s %d: %v; the range is %s", s.name, n, err, s.bounds())
			}
		}
	}
	if shared < 10 {
		t.Errorf("only %d ranges were compared", shared)
	}
}

func TestConfig_Edge_NamesTheFlag(t *testing.T) {
	p := parseServe(t, []string{"--dev", "--heartbeat", "30s"}, nil)
	c := &p.grammar.Serve
	c.JWTSecret = randomSecret()
	c.Heartbeat = span(90 * time.Minute)
	c.Origin = list{"::"}
	_, err := c.edge(p.origins, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "--heartbeat: ") || !strings.Contains(err.Error(), "--origin: ") {
		t.Errorf("the errors are %v", err)
	}
}

func TestFieldFlag_Names(t *testing.T) {
	for field, want := range map[string]string{"Listen": "listen", "MaxMessage": "max-message", "HeartbeatTimeout": "heartbeat-timeout"} {
		if got := fieldFlag(field); got != want {
			t.Errorf("%s is %s; want %s", field, got, want)
		}
	}
}

// sample gives two values of a setting that are right and differ from its default.
func sample(s *setting) (a, b string) {
	switch {
	case s.name == "listen":
		return "127.0.0.1:1,127.0.0.1:2", "127.0.0.1:3"
	case s.choices != nil:
		return s.choices[len(s.choices)-1], s.choices[0]
	case s.unit == "":
		return "true", "false"
	case s.unit == unitCount:
		return strconv.FormatInt(s.low+1, 10), strconv.FormatInt(s.low+2, 10)
	case s.unit == unitSize:
		return formatSize(s.low * 2), formatSize(s.low * 3)
	case s.unit == unitSpan:
		return formatSpan(time.Duration(s.low) + 2*time.Second), formatSpan(time.Duration(s.low) + 3*time.Second)
	}
	return "a" + s.name, "b" + s.name
}

// The bounds that help tells of a token are those that auth has.
func TestSetting_TokenBounds_AreAuths(t *testing.T) {
	for name, bounds := range map[string][]int{"sub": {auth.MaxUser}, "rooms": {auth.MaxPatterns, auth.MaxPattern}, "info": {auth.MaxInfo}} {
		for _, n := range bounds {
			if s := find(tokenSettings, name); !regexp.MustCompile(`\b` + strconv.Itoa(n) + `\b`).MatchString(s.meaning) {
				t.Errorf("--%s does not tell %d: %s", name, n, s.meaning)
			}
		}
	}
	if s := find(serveSettings, "jwt-secret"); !strings.Contains(s.meaning, strconv.Itoa(auth.MinSecret)+" bytes") {
		t.Errorf("--jwt-secret tells %s", s.meaning)
	}
}
