package main

import (
	"fmt"
	"strconv"
	"strings"
)

// requirement is a bound of a figure.
type requirement struct {
	key   string
	below bool // at most, not at least
	bound float64
}

// parseRequirement reads KEY<=NUMBER or KEY>=NUMBER.
func parseRequirement(text string) (requirement, error) {
	for op, below := range map[string]bool{"<=": true, ">=": false} {
		key, value, ok := strings.Cut(text, op)
		if !ok {
			continue
		}
		key = strings.TrimSpace(key)
		if _, ok := findFigure(key); !ok {
			var keys []string
			for _, f := range figures {
				keys = append(keys, f.key)
			}
			return requirement{}, fmt.Errorf("no figure %q: %s", key, strings.Join(keys, ", "))
		}
		bound, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return requirement{}, fmt.Errorf("%q is no number", strings.TrimSpace(value))
		}
		return requirement{key, below, bound}, nil
	}
	return requirement{}, fmt.Errorf("%q is not of the form FIGURE<=NUMBER", text)
}

func (r requirement) String() string {
	op := ">="
	if r.below {
		op = "<="
	}
	return fmt.Sprintf("%s%s%g", r.key, op, r.bound)
}

// check is whether it holds, and a line that says so. What was not measured does not hold.
func (r requirement) check(t *table) (holds bool, text string) {
	v, ok := r.value(t)
	if !ok {
		return false, fmt.Sprintf("%s: not measured", r)
	}
	if holds = v >= r.bound; r.below {
		holds = v <= r.bound
	}
	if holds {
		return true, fmt.Sprintf("%s: holds, %.3g", r, v)
	}
	return false, fmt.Sprintf("%s: DOES NOT HOLD, %.3g", r, v)
}

// value is the lesser ratio of what stands beside the floor, of all else the median.
func (r requirement) value(t *table) (float64, bool) {
	if f, _ := findFigure(r.key); f.rated {
		rates, ok := t.ratio(r.key)
		return min(rates.Median, rates.Least), ok
	}
	ours := t.column(r.key, "roost")
	if len(ours) == 0 {
		return 0, false
	}
	return median(ours), true
}
