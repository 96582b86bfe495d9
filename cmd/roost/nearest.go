package main

import "strings"

// nearest gives the name that was likely meant by word, or nothing. Case and
// the kind of dash do not count.
func nearest(word string, names []string) string {
	word = strings.ToLower(strings.Trim(strings.ReplaceAll(word, "_", "-"), "-"))
	if word == "" || len(word) > 64 {
		return ""
	}
	best, least := "", 1+max(1, len(word)/3)
	for _, name := range names {
		d := distance(word, name)
		if strings.ReplaceAll(word, "-", "") == strings.ReplaceAll(name, "-", "") {
			d = 0
		}
		if d < least {
			best, least = name, d
		}
	}
	if best != "" {
		return best
	}
	// A word cut short, or with something added: jwt-algorithm, listen-addr.
	for _, name := range names {
		if len(word) >= 4 && strings.HasPrefix(name, word) || strings.HasPrefix(word, name+"-") {
			return name
		}
	}
	return ""
}

// distance is the number of bytes to add, leave out or change, or neighbours to
// swap, that makes a into b.
func distance(a, b string) int {
	var older []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := row[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			next[j] = min(row[j]+1, next[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], older[j-2]+1)
			}
		}
		older, row = row, next
	}
	return row[len(b)]
}
