package webhook

import (
	"time"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/poller"
)

// Stats is what a Hooks counts, at one moment.
type Stats struct {
	// Events, since the start.
	Delivered uint64       // taken by the backend
	Dropped   uint64       // the queue was full, the backend takes none so large, or Run ended
	Retries   uint64       // POSTs of events that were tried again
	Failures  []edge.Count // of POSTs of events and of questions, by kind

	// Events, now.
	QueueLength int   // wait or are under way
	QueueBytes  int64 // of them
	Oldest      time.Duration

	// Questions, since the start.
	Asked      []Asked
	AskSeconds edge.Histogram
}

// An Asked is how many questions of a sort had an outcome.
type Asked struct {
	Event   string // connect, join, publish
	Outcome string // allowed, denied: by the backend; failed: it gave no answer
	N       uint64
}

// An outcome says what became of a question. Its word is the label of the metric.
type outcome uint8

const (
	outcomeAllowed outcome = iota
	outcomeDenied
	outcomeFailed
	numOutcomes
)

var outcomeWords = [numOutcomes]string{"allowed", "denied", "failed"}

// Stats counts. It takes microseconds. All labels are there from the start.
func (h *Hooks) Stats() Stats {
	s := Stats{
		Delivered: h.delivered.Load(), Dropped: h.queue.dropped.Load() + h.tooLarge.Load(), Retries: h.retries.Load(),
		AskSeconds: edge.Histogram{Counts: make([]uint64, len(poller.Bounds)+1)},
	}
	for k := range numKinds {
		s.Failures = append(s.Failures, edge.Count{Label: k.String(), N: h.failures[k].Load()})
	}
	s.QueueLength, s.QueueBytes, s.Oldest = h.queue.figures(time.Now())
	for i, w := range asks {
		for o, word := range outcomeWords {
			s.Asked = append(s.Asked, Asked{w.String(), word, h.outcomes[i][o].Load()})
		}
	}
	for _, b := range poller.Bounds {
		s.AskSeconds.Bounds = append(s.AskSeconds.Bounds, float64(b)/1e9)
	}
	s.AskSeconds.Sum = float64(h.askSeconds.AddTo(s.AskSeconds.Counts)) / 1e9
	return s
}
